// Publishes and receives with MQTT.js at every QoS, wherever it runs; the same in Node and in a browser,
// which loads no modules from files: so it leaves its one function in globalThis.

// A promise that an event settles, or its absence.
function next(client, event, what) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${what}`)), 10000);
    client.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

function same(seen, expected) {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}

async function exchange(client, version) {
  await next(client, "connect", "CONNACK");
  const granted = await client.subscribeAsync(["js/exact", "js/+/plus"], { qos: 2 });
  same(granted.map((one) => one.qos), [2, 2]);
  for (const qos of [0, 1, 2]) {
    for (const topic of ["js/exact", "js/a/plus"]) {
      const arrival = next(client, "message", `message at QoS ${qos}`);
      await client.publishAsync(topic, `${topic} ${qos}`, { qos });
      const [seen, payload, packet] = await arrival;
      same([seen, payload.toString(), packet.qos], [topic, `${topic} ${qos}`, qos]);
    }
  }
  // Larger than any frame that is sent whole, and with every byte.
  const large = new Uint8Array(300000).map((_, index) => index % 251);
  const arrival = next(client, "message", "large message");
  await client.publishAsync("js/exact", globalThis.Buffer ? Buffer.from(large) : large, { qos: 1 });
  const [, payload] = await arrival;
  same([payload.length, payload.every((byte, index) => byte === index % 251)], [300000, true]);
  // A burst, so that packets are joined in frames.
  const order = [];
  client.on("message", (_, payload) => order.push(Number(payload.toString())));
  const numbers = Array.from({ length: 500 }, (_, index) => index);
  await Promise.all(numbers.map((n) => client.publishAsync("js/exact", String(n), { qos: 1 })));
  for (let tries = 0; order.length < numbers.length && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  same(order, numbers);
  same(client.options.protocolVersion, version);
}

// Runs against the URL and gives "ok".
globalThis.roundtrip = async (mqtt, url, version, name) => {
  const client = mqtt.connect(url, {
    clientId: `${name}-${version}`,
    protocolVersion: version,
    protocolId: version === 3 ? "MQIsdp" : "MQTT",
    reconnectPeriod: 0,
    rejectUnauthorized: false,
  });
  const failure = new Promise((_, reject) => client.once("error", reject));
  await Promise.race([exchange(client, version), failure]);
  await client.endAsync();
  return "ok";
};
