"""Stays connected and prints what happens: stay.py PORT CLIENT_ID [WILL_TOPIC WILL_PAYLOAD]."""
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes

port, client_id = int(sys.argv[1]), sys.argv[2]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
if len(sys.argv) > 3:
    client.will_set(sys.argv[3], sys.argv[4], qos=1)


def connected(_client, _data, flags, reason, _properties):
    print(f"connected {reason.value} {flags.session_present}")


def disconnected(_client, _data, _flags, reason, _properties):
    print(f"disconnected {reason.value}")
    client.loop_stop()


client.on_connect = connected
client.on_disconnect = disconnected
properties = Properties(PacketTypes.CONNECT)
properties.SessionExpiryInterval = 60
client.connect("127.0.0.1", port, clean_start=False, properties=properties)
client.loop_forever(retry_first_connection=False)
