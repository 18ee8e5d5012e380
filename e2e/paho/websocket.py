"""Publishes and receives with paho-mqtt over WebSocket: websocket.py PORT 3|4|5 [CA], over TLS with a CA."""
import queue
import sys

import paho.mqtt.client as mqtt

port, version, ca = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
arrived, subscribed = queue.Queue(), queue.Queue()

client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2, f"paho-ws-{version}", protocol=version, transport="websockets"
)
client.ws_set_options(path="/any/path")
if ca:
    client.tls_set(ca_certs=ca[0])
client.on_subscribe = lambda *args: subscribed.put(args[3])
client.on_message = lambda _client, _data, message: arrived.put(message)
client.connect("localhost", port)
client.loop_start()
client.subscribe("paho/#", 2)
granted = subscribed.get(timeout=10)
assert [code.value for code in granted] == [2], granted

for qos in (0, 1, 2):
    for size in (0, 1, 125, 126, 127, 65535, 65536, 200000):
        payload = bytes(index % 251 for index in range(size))
        client.publish("paho/exact", payload, qos).wait_for_publish(10)
        message = arrived.get(timeout=10)
        assert (message.payload, message.qos) == (payload, qos), (size, qos, len(message.payload))

# A burst, so that packets are joined in frames.
tokens = [client.publish("paho/burst", str(number), 1) for number in range(500)]
for token in tokens:
    token.wait_for_publish(10)
assert [int(arrived.get(timeout=10).payload) for _ in range(500)] == list(range(500))
client.disconnect()
client.loop_stop()
print("ok")
