# Read by the scripts beside it: versions, folders and a few small helpers.
# shellcheck shell=bash disable=SC2034

kubernetes_version=1.34.4
etcd_version=3.6.16
coredns_version=1.12.4
helm_version=3.19.0

# What is built is kept here, one folder for each tool and version; a folder that is there is whole.
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/quorate

# The cluster of this machine: there is one at a time, whichever checkout started it.
state=/var/tmp/quorate-kubernetes
run=/run/quorate-kubernetes
cluster_lock=/var/tmp/quorate-kubernetes.lock

# Every namespace, device and control group of ours begins with this.
prefix=qrk8s
host_address=10.77.0.1

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

tool_folder() { # tool_folder NAME VERSION
  printf '%s/%s-%s\n' "$cache" "$1" "$2"
}

# Everything that was built, before what the system has under the same names.
tool_path=$(tool_folder kubernetes "$kubernetes_version"):$(tool_folder etcd "$etcd_version"):$(tool_folder coredns "$coredns_version"):$(tool_folder helm "$helm_version")
export PATH=$tool_path:$PATH:/usr/sbin:/sbin:/usr/local/go/bin

# Where control groups are: one tree, or one for each controller on machines with version 1.
group_hierarchies() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then printf '%s\n' /sys/fs/cgroup
  else
    local folder
    for folder in /sys/fs/cgroup/*/; do
      [ ! -e "$folder/cgroup.procs" ] || printf '%s\n' "${folder%/}"
    done
  fi
}

# The tree in which our processes are looked for.
tracking_group=$(group_hierarchies | grep -E '/(pids|cgroup)$' | head -n 1)/$prefix
