#!/bin/sh
# Run as root in the machine by its first boot. What it prints is the proof; /share is the host's folder.
say() { printf '\n== %s\n' "$*"; }
field() { systemctl show -P "$1" hearthline.service; }
wait_for() { # seconds, command...
    left=$1; shift
    until "$@" >/dev/null 2>&1; do left=$((left - 1)); [ "$left" -gt 0 ] || { echo "WRONG gave up on: $*"; return 1; }; sleep 1; done
}
armed() { [ "$(systemctl is-active hearthline.service)" = active ]; }
another() { armed && [ "$(field MainPID)" != "$1" ]; }

say "$(systemctl --version | head -n 1), Linux $(uname -r), $(cat /proc/1/comm) as process 1"
modprobe -a snd-dummy gpio-amdpt ftdi_sio 2>&1; udevadm trigger; udevadm settle
mkdir -p /run/udev/rules.d; ls -l /dev/gpiochip0 /dev/ttyS1 /dev/ttyUSB0 /dev/snd/controlC0 /dev/serial/by-id/
systemd-analyze verify /etc/systemd/system/hearthline*.service /etc/systemd/system/hearthline*.timer && echo "ok verify is clean"
for unit in hearthline hearthline-renew; do systemd-analyze security --no-pager $unit.service | tail -n 1; done
udevadm verify --no-summary /etc/udev/rules.d/70-hearthline.rules 2>&1 | head -n 5
id hearthline; ls -ld /etc/hearthline /etc/hearthline/keys /var/lib/hearthline /etc/hearthline/hub.toml /etc/hearthline/keys/hub.key

say "names of adapters: the rules, with this emulator's adapter in the place of each"
for was in '"0403", ATTRS{product}=="RFXtrx\*"' '"1a86", ATTRS{idProduct}=="7523|5523"' '"1e0e", ATTRS{idProduct}=="9001|9011"'; do
    sed "s/NUM}==\"02\"/NUM}==\"00\"/; s/ATTRS{idVendor}==$was/ATTRS{idVendor}==\"0403\", ATTRS{product}==\"QEMU USB*\"/" /etc/udev/rules.d/70-hearthline.rules > /run/udev/rules.d/70-hearthline.rules
    mount --bind /run/udev/rules.d/70-hearthline.rules /etc/udev/rules.d/70-hearthline.rules
    udevadm control --reload; udevadm trigger --subsystem-match=tty; udevadm settle; ls -l /dev/hearthline/ || echo WRONG
    umount /etc/udev/rules.d/70-hearthline.rules
done
rm /run/udev/rules.d/70-hearthline.rules; udevadm control --reload; udevadm trigger; udevadm settle
journalctl -q -b -o cat -u systemd-udevd.service | grep 70-hearthline && echo "WRONG udev complains"

say "not enrolled: the hub is started for ever, slowly, and says what is missing"
mv /etc/hearthline/hub.toml /etc/hearthline/hub.away
systemctl restart --no-block hearthline.service
sleep 40
echo "restarts $(field NRestarts), state $(systemctl is-active hearthline.service)"
journalctl -q -b -o cat -u hearthline.service | grep -m 1 hub.toml

say "enrolled: it comes up by itself"
mosquitto -d -c /share/mosquitto.conf
mkdir -p /run/systemd/timesync; touch /run/systemd/timesync/synchronized; systemctl stop systemd-timesyncd 2>/dev/null; mkdir -p /run/systemd/timesync; touch /run/systemd/timesync/synchronized
mv /etc/hearthline/hub.away /etc/hearthline/hub.toml
wait_for 60 armed && echo "ok armed"
ask() { /usr/local/bin/hearthline status 2>&1; }
wait_for 30 sh -c '/usr/local/bin/hearthline status | grep -q "main *up"' && echo "ok at its broker, over TLS 1.3 with its certificate"
ask | grep -E "^(hub|clock|radio|main) "
ls -l /run/credentials/hearthline.service/
grep -E "^(Cap(Eff|Bnd)|NoNewPrivs|Seccomp):" "/proc/$(field MainPID)/status"; cat "/proc/$(field MainPID)/oom_score_adj"
tr '\0' ' ' < "/proc/$(field MainPID)/cmdline"; echo

say "a press, through ttyUSB"
wait_for 30 sh -c '/usr/local/bin/hearthline status | grep -q "radio *hears"'
before=$(grep -c "PUBLISH from hub-test.*event" /run/mosquitto-test.log)
touch /share/press
wait_for 30 sh -c '/usr/local/bin/hearthline status | grep -q "open alarms *[^n ]"'
ask | grep -A 3 "open alarms"
echo "events at the broker: $before before, $(grep -c "PUBLISH from hub-test.*event" /run/mosquitto-test.log) now"
for pid in $(cat /sys/fs/cgroup/system.slice/hearthline.service/cgroup.procs); do tr '\0' ' ' < "/proc/$pid/cmdline"; echo "(nice $(cut -d' ' -f19 "/proc/$pid/stat"))"; done
wait_for 120 sh -c 'ls /var/lib/hearthline/voice/* || ls /var/lib/hearthline/*/index.json'; ls /var/lib/hearthline
journalctl -q -b -o cat -u hearthline.service | tail -n 12

say "installed again: nothing new, and nothing is restarted"
pid=$(field MainPID)
hearthline provision install --from /share/source --no-packages && [ "$(field MainPID)" = "$pid" ] && echo "ok the same process"
say "newer software, while an alarm is open (S10)"
cp -r /share/source /root/newer; echo "# newer" >> /root/newer/pyproject.toml
new=$(hearthline provision install --from /root/newer --no-packages --dry-run | grep -o "/opt/hearthline/software/[0-9a-f]*" | head -n 1)
cp -a "$(readlink -f /opt/hearthline/venv)" "$new" # what pip would have made: there is no network here
hearthline provision install --from /root/newer --no-packages
sleep 5; ls -l /var/lib/hearthline/restart.wanted; [ "$(field MainPID)" = "$pid" ] && echo "ok it goes on, with what it was started with:"
tr '\0' ' ' < "/proc/$pid/cmdline"; echo

say "killed: there again"
pid=$(field MainPID); kill -9 "$pid"; wait_for 60 another "$pid" && echo "ok after SIGKILL"
[ "$(tr '\0' '\n' < "/proc/$(field MainPID)/cmdline" | head -n 1)" = "$new/bin/python" ] && echo "ok with the newer software"
say "hanging: the watchdog"
pid=$(field MainPID); kill -STOP "$pid"; wait_for 90 another "$pid" && echo "ok after SIGSTOP"
journalctl -q -b -o cat -u hearthline.service -u init.scope | grep -i watchdog | head -n 3
say "it ends by itself: there again"
pid=$(field MainPID); kill -TERM "$pid"; wait_for 60 another "$pid" && echo "ok after exit 0"

say "what it may and may not, one by one"
mkdir -p /home/somebody; touch /root/something
printf '[Service]\nLoadCredential=secret:/etc/hostname\nExecStart=/bin/sleep 900\n' > /run/systemd/system/other.service
sed -e 's/^Type=.*/Type=oneshot/; /^Restart/d; /^Watchdog/d; /^ExecStopPost/d; /^TimeoutStart/d; /^LogRate/d' \
    -e 's#^ExecStart=.*#ExecStart=/opt/hearthline/venv/bin/python /opt/hearthline/probe.py#' \
    /etc/systemd/system/hearthline.service > /run/systemd/system/hearthline-probe.service
systemctl daemon-reload; systemctl start other.service; ls /run/credentials/other.service
chmod 666 /dev/vda /dev/rtc0 /dev/input/event0 /dev/mem /dev/kmsg
systemctl start hearthline-probe.service
journalctl -q -b -o cat -u hearthline-probe.service | grep -E "^(ok|WRONG|[0-9]+ tried)"
journalctl -q -b -p err -o cat -u hearthline-probe.service | head -n 5
armed && echo "ok the hub is still armed"

say "what renewal may and may not"
sed -e 's#^ExecStart=.*#ExecStart=/opt/hearthline/venv/bin/python /opt/hearthline/probe.py renewal#' \
    /etc/systemd/system/hearthline-renew.service > /run/systemd/system/renew-probe.service
systemctl daemon-reload; systemctl start renew-probe.service
journalctl -q -b -o cat -u renew-probe.service | grep -E "^(ok|WRONG|[0-9]+ tried)"
systemctl list-timers --all hearthline-renew.timer | head -n 2
