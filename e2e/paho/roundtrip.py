"""Publishes and receives with paho-mqtt at every QoS: roundtrip.py PORT 4|5."""
import queue
import sys

import paho.mqtt.client as mqtt

port, version = int(sys.argv[1]), int(sys.argv[2])
arrived, subscribed = queue.Queue(), queue.Queue()

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"paho-{version}", protocol=version)
client.on_subscribe = lambda *args: subscribed.put(args[3])
client.on_message = lambda _client, _data, message: arrived.put(message)
client.connect("127.0.0.1", port)
client.loop_start()
client.subscribe([("paho/exact", 2), ("paho/+/plus", 2), ("paho/hash/#", 2)])
granted = subscribed.get(timeout=10)
assert [code.value for code in granted] == [2, 2, 2], granted

for qos in (0, 1, 2):
    for topic in ("paho/exact", "paho/a/plus", "paho/hash", "paho/hash/b/c"):
        payload = f"{topic} {qos}"
        client.publish(topic, payload, qos).wait_for_publish(10)
        message = arrived.get(timeout=10)
        seen = (message.topic, message.payload.decode(), message.qos, message.retain)
        assert seen == (topic, payload, qos, False), seen
    client.publish("paho/a/b/plus", "no match", qos).wait_for_publish(10)

big = bytes(range(256)) * 1024
client.publish("paho/exact", big, 2).wait_for_publish(10)
assert arrived.get(timeout=10).payload == big
assert arrived.empty()
client.disconnect()
client.loop_stop()
print("ok")
