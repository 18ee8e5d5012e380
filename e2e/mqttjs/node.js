// MQTT.js in Node: node.js URL VERSION
import mqtt from "mqtt";

import "./roundtrip.js";

const [url, version] = process.argv.slice(2);
console.log(await globalThis.roundtrip(mqtt, url, Number(version), "node"));
