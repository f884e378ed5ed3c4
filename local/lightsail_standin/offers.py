"""The part of Lightsail's catalogue that the stand-in supports."""

from __future__ import annotations

# Bundle → (memory in GB, cores, disk in GB, transfer in GB a month).
BUNDLES = {
    "nano_3_0": (0.5, 2, 20, 1024),
    "micro_3_0": (1.0, 2, 40, 2048),
    "small_3_0": (2.0, 2, 60, 3072),
    "medium_3_0": (4.0, 2, 80, 4096),
    "large_3_0": (8.0, 2, 160, 5120),
    "xlarge_3_0": (16.0, 4, 320, 6144),
}
# Blueprint → (name, the user that Lightsail creates).
BLUEPRINTS = {
    "debian_12": ("Debian", "admin"),
    "ubuntu_24_04": ("Ubuntu", "ubuntu"),
    "amazon_linux_2023": ("Amazon-Linux-2023", "ec2-user"),
    "centos_stream_9": ("CentOS-Stream-9", "ec2-user"),
}
ZONES = "abc"

# The prefix of a host name decides the outcome.
PREFIXES = {
    "fail-": "the build starts and fails permanently",
    "flaky-": "the first build fails for lack of capacity, the next succeeds",
    "slow-": "takes ten times as long",
    "stuck-": "stays pending until you press finish or fail",
}
