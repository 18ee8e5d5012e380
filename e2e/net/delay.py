"""A slow line: packets routed into a tunnel come out of it later, in order: delay.py DEVICE MILLISECONDS.

Runs in the namespace of the tests' switch until its standard input ends. (The qdisc netem would do the
same, but many kernels are built without it.)
"""
import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
device, delay = sys.argv[1], float(sys.argv[2]) / 1000

tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
print("ready", flush=True)

waiting = collections.deque()
while True:
    patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    ready, _, _ = select.select([tunnel, sys.stdin], [], [], patience)
    if sys.stdin in ready:
        break
    now = time.monotonic()
    try:
        while tunnel in ready:
            waiting.append((now + delay, os.read(tunnel, 65536)))
    except BlockingIOError:
        pass
    while waiting and waiting[0][0] <= now:
        try:
            os.write(tunnel, waiting.popleft()[1])
        except OSError:
            pass  # As a full queue on a real line: the packet is lost, TCP sends it again.
