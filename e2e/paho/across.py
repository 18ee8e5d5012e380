"""Subscribes on one node and publishes on another: across.py HOST PORT HOST PORT 4|5."""
import queue
import sys

import paho.mqtt.client as mqtt

here, there, version = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4])), int(sys.argv[5])
arrived, subscribed = queue.Queue(), queue.Queue()


def client(name, node):
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"{name}-{version}", protocol=version)
    made.on_subscribe = lambda *args: subscribed.put(args[3])
    made.on_message = lambda _client, _data, message: arrived.put(message)
    made.connect(*node)
    made.loop_start()
    return made


listener, speaker = client("listener", here), client("speaker", there)
listener.subscribe([("across/+", 2)])
subscribed.get(timeout=10)
for qos in (0, 1, 2):
    payload = f"qos {qos}"
    speaker.publish("across/x", payload, qos).wait_for_publish(10)
    message = arrived.get(timeout=10)
    seen = (message.topic, message.payload.decode(), message.qos)
    assert seen == ("across/x", payload, qos), seen
assert arrived.empty()
for each in (listener, speaker):
    each.disconnect()
    each.loop_stop()
print("ok")
