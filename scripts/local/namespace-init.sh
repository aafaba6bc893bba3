#!/bin/sh
# First process of a local environment, in network, mount, PID, UTS and IPC namespaces of its own.
# Makes file systems and the network ready, reports that, and from then on only reaps: a process
# whose parent has gone becomes a child of this one.
# Arguments: state directory, node address, service network.
set -eu
state=$1 address=$2 services=$3

# What is written here stays here. /run holds all data of the cluster: memory is fast, overlayfs works
# on it everywhere, and nothing is left when the namespace ends.
resolv=$(readlink -f /etc/resolv.conf)
for directory in /run /var/log /var/lib/cni /var/lib/kubelet; do
  mkdir -p "$directory"
  mount -t tmpfs -o mode=755 tmpfs "$directory"
done
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/lock /run/pool-migration

# The kubelet sets these host-wide values. They cannot be set for a namespace alone, so it is shown
# files that hold what it wants, and the machine keeps its own.
override() {
  [ -e "/proc/sys/$1" ] || return 0
  file=/run/pool-migration/sysctl-$(echo "$1" | tr / -)
  echo "$2" >"$file"
  mount --bind "$file" "/proc/sys/$1"
}
override vm/overcommit_memory 1
override vm/panic_on_oom 0
override kernel/panic 10
override kernel/panic_on_oops 1
override kernel/keys/root_maxkeys 1000000
override kernel/keys/root_maxbytes 25000000

# A bridge without ports serves as the node's interface: dummy devices are not on every kernel. There is no
# default route, so that what is not in the cluster fails at once instead of hanging.
ip link set lo up
ip link add node0 type bridge
ip address add "$address/24" dev node0
ip link set node0 up
ip route add "$services" dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward
hostname node0

mkdir -p "$(dirname "$resolv")"
[ -e "$resolv" ] || : >"$resolv"
mount --bind "$state/resolv.conf" "$resolv"

touch /run/pool-migration/ready
trap '' HUP INT TERM
while :; do
  sleep 86400 &
  wait || :
done
