use proptest::prelude::*;
use rstest::rstest;

use super::inspection;

#[rstest]
#[case::uptime("uptime")]
#[case::spaces("  uname   -a  ")]
#[case::disks("df -hT /srv /home")]
#[case::sizes("du -sh --max-depth=1 /var/log")]
#[case::listing("ls -lah /srv/media")]
#[case::processes("ps aux --sort=-%mem")]
#[case::fields("ps -eo pid,user,%cpu,comm --sort -%cpu")]
#[case::one_look("top -b -n 1")]
#[case::one_look_in_short("top -bn1")]
#[case::unit("systemctl status nginx.service --no-pager -n 50")]
#[case::option_first("systemctl --no-pager status nginx")]
#[case::failed("systemctl --failed")]
#[case::units("systemctl list-units --type=service --state=failed,running")]
#[case::properties("systemctl show -p ActiveState,SubState nginx")]
#[case::journal("journalctl -u nginx -n 100 --no-pager")]
#[case::quoted_time("journalctl --since \"1 hour ago\" -p err")]
#[case::quoted_once("journalctl --since '2026-01-01 10:00:00'")]
#[case::kernel("dmesg -T --level=err,warn")]
#[case::addresses("ip -br addr show dev eth0")]
#[case::links("ip -s link")]
#[case::sockets("ss -tulpn")]
#[case::time("date +%s")]
#[case::name("hostname -f")]
#[case::fixed_file("cat /etc/os-release /proc/loadavg")]
#[case::container("docker ps -a")]
#[case::container_log("docker logs --tail 50 web-1")]
#[case::block_devices("lsblk -o name,size,fstype /dev/sda")]
#[case::pool("zpool status -v tank")]
#[case::disk_health("smartctl -a /dev/sda")]
#[case::cards("nvidia-smi --query-gpu=name,memory.used --format=csv,noheader")]
#[case::a_bounded_ping("ping -c 3 192.0.2.7")]
#[case::swap("swapon --show")]
#[case::packages("dpkg -l openssl")]
fn a_command_of_the_list_only_looks(#[case] command: &str) {
    assert!(inspection(command).is_some(), "{command}");
}

#[rstest]
#[case::nothing("")]
#[case::only_spaces("   ")]
#[case::sequence("uptime; reboot")]
#[case::and("uptime && reboot")]
#[case::background("uptime & reboot")]
#[case::pipe("uptime | tee /etc/x")]
#[case::redirection("uptime > /etc/x")]
#[case::input("uptime < /etc/shadow")]
#[case::substitution("ls $(reboot)")]
#[case::backticks("ls `reboot`")]
#[case::variable("ls $HOME")]
#[case::new_line("uptime\nreboot")]
#[case::carriage_return("uptime\rreboot")]
#[case::tab("uptime\treboot")]
#[case::nul("uptime\0")]
#[case::star("ls /etc/*")]
#[case::question("ls /etc/?")]
#[case::brackets("ls /etc/[a]")]
#[case::braces("ls /{etc,root}")]
#[case::home("ls ~root")]
#[case::comment("uptime # reboot")]
#[case::escape("ls /a\\ b")]
#[case::history("ls !1")]
#[case::open_quote("journalctl --since \"1 hour")]
#[case::quote_within("ls /a'b'")]
#[case::quote_glued("ls '/a'/b")]
#[case::quoted_expansion("ls \"$(reboot)\"")]
#[case::quoted_semicolon("ls '/a;b'")]
#[case::empty_word("ls ''")]
#[case::unicode_space("ls\u{a0}-l")]
#[case::full_width("ls /etc；reboot")]
#[case::assignment("PATH=/tmp uptime")]
#[case::path_of_program("/tmp/uptime")]
#[case::relative_program("./uptime")]
#[case::wrapper("sudo uptime")]
#[case::env("env uptime")]
#[case::timeout("timeout 5 uptime")]
#[case::shell("sh -c uptime")]
#[case::xargs("xargs uptime")]
#[case::find("find / -name x")]
#[case::find_exec("find / -exec rm x +")]
#[case::find_delete("find / -delete")]
#[case::follow("tail -f /var/log/syslog")]
#[case::any_file("cat /etc/shadow")]
#[case::cat_of_environment("cat /proc/1/environ")]
#[case::sort("sort -o /etc/x /etc/y")]
#[case::awk("awk 1")]
#[case::git("git status")]
#[case::fetch("curl example.test")]
#[case::journal_vacuum("journalctl --vacuum-size=1M")]
#[case::journal_vacuum_abbreviated("journalctl --vacuum-s=1M")]
#[case::journal_rotate("journalctl --rotate")]
#[case::journal_follow("journalctl -f")]
#[case::journal_cursor("journalctl --cursor-file=/etc/x")]
#[case::journal_elsewhere("journalctl --file=/srv/x.journal")]
#[case::journal_flush("journalctl --flush")]
#[case::journal_letters("journalctl -rf")]
#[case::journal_match("journalctl _PID=1")]
#[case::journal_value_missing("journalctl -u")]
#[case::journal_value_is_an_option("journalctl -u --rotate")]
#[case::link_set("ip link set eth0 down")]
#[case::link_set_after_show("ip link show eth0 down")]
#[case::address_flush("ip addr flush dev eth0")]
#[case::route_add("ip route add default via 192.0.2.1")]
#[case::route_by_name("ip route get example.test")]
#[case::namespace("ip netns exec x reboot")]
#[case::ip_batch("ip -batch /tmp/x")]
#[case::ip_abbreviated("ip link s eth0 down")]
#[case::sockets_kill("ss -K dst 192.0.2.1")]
#[case::sockets_kill_letters("ss -tK")]
#[case::sockets_dump("ss -D /etc/x")]
#[case::kernel_log_cleared("dmesg -C")]
#[case::kernel_log_read_and_cleared("dmesg -Tc")]
#[case::kernel_log_level("dmesg -n 1")]
#[case::kernel_log_follow("dmesg -w")]
#[case::clock("date -s 2026-01-01")]
#[case::clock_long("date --set=2026-01-01")]
#[case::clock_operand("date 010100002026")]
#[case::date_of_file("date -f /etc/x")]
#[case::host_name("hostname newname")]
#[case::host_name_file("hostname -F /etc/x")]
#[case::host_name_ctl("hostnamectl set-hostname x")]
#[case::time_zone("timedatectl set-timezone UTC")]
#[case::restart("systemctl restart nginx")]
#[case::stop("systemctl stop nginx")]
#[case::stop_behind_option("systemctl --no-pager stop nginx")]
#[case::elsewhere("systemctl -H root@other status")]
#[case::machine("systemctl status -M other nginx")]
#[case::unit_glob("systemctl status a*")]
#[case::unit_edit("systemctl edit nginx")]
#[case::unit_environment("systemctl show -p Environment nginx")]
#[case::unit_everything("systemctl show nginx")]
#[case::unit_file("systemctl cat nginx")]
#[case::environment_letter("ps auxe")]
#[case::process_environment("ps -eo environ")]
#[case::top_for_ever("top -b")]
#[case::top_without_batch("top -n 1")]
#[case::ping_for_ever("ping 192.0.2.7")]
#[case::ping_a_name("ping -c 1 secret.example.test")]
#[case::ping_flood("ping -f -c 1 192.0.2.7")]
#[case::free_for_ever("free -s 1")]
#[case::pool_script("zpool status -c upgrade")]
#[case::pool_for_ever("zpool status 5")]
#[case::pool_scrub("zpool scrub tank")]
#[case::dataset_destroy("zfs destroy tank/x")]
#[case::disk_test("smartctl -t long /dev/sda")]
#[case::disk_setting("smartctl -s on /dev/sda")]
#[case::disk_that_is_none("smartctl -a /srv/x")]
#[case::array_stop("mdadm --stop /dev/md0")]
#[case::sensor_limits("sensors -s")]
#[case::swap_all("swapon -a")]
#[case::mount_something("mount /dev/sda1 /mnt")]
#[case::card_reset("nvidia-smi -r")]
#[case::card_power("nvidia-smi -pl 100")]
#[case::card_for_ever("nvidia-smi --query-gpu=name --format=csv -l 1")]
#[case::card_file("nvidia-smi --query-gpu=name --format=csv -f /etc/x")]
#[case::container_exec("docker exec web sh")]
#[case::container_remove("docker rm web")]
#[case::container_follow("docker logs -f web")]
#[case::container_log_without_end("docker logs web")]
#[case::container_secrets("docker inspect web")]
#[case::container_stats_for_ever("docker stats")]
#[case::other_daemon("docker -H tcp://192.0.2.7 ps")]
#[case::template("docker ps --format {{.Names}}")]
#[case::package_install("dpkg -i x.deb")]
#[case::package_upgrade("apt upgrade")]
#[case::crontab("crontab")]
#[case::way_up("ls /srv/../root")]
#[case::dashes("ls --")]
#[case::lone_dash("ls -")]
#[case::guest_stop("qm stop 100")]
#[case::empty_value("systemctl list-units --type=")]
#[case::du_file("du --files0-from=/etc/x /srv")]
#[case::ls_too_many("ls /a /b /c /d /e /f /g /h /i")]
fn everything_else_is_not_a_read(#[case] command: &str) {
    assert_eq!(inspection(command), None, "{command}");
}

#[test]
fn the_words_that_are_sent_are_those_that_were_judged() {
    let words = inspection("journalctl  --since '1 hour ago' -p err").unwrap();

    assert_eq!(words, ["journalctl", "--since", "1 hour ago", "-p", "err"]);
}

#[test]
fn a_command_without_end_is_not_a_read() {
    let long = format!("ls {}", "/a ".repeat(500));

    assert_eq!(inspection(&long), None);
}

/// Words that commands of the list are made of, and dangerous ones.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "uptime",
        "date",
        "hostname",
        "ip",
        "link",
        "addr",
        "route",
        "show",
        "set",
        "flush",
        "add",
        "del",
        "journalctl",
        "--vacuum-time=1s",
        "--rotate",
        "-f",
        "-n",
        "1",
        "dmesg",
        "-C",
        "-c",
        "-T",
        "systemctl",
        "status",
        "stop",
        "restart",
        "enable",
        "kill",
        "nginx",
        "--no-pager",
        "find",
        "-exec",
        "-delete",
        "env",
        "sort",
        "-o",
        "/etc/x",
        "ss",
        "-K",
        "-t",
        "ping",
        "192.0.2.7",
        "docker",
        "rm",
        "ps",
        "exec",
        "zpool",
        "destroy",
        "tank",
        "smartctl",
        "-s",
        "on",
        "/dev/sda",
        "mount",
        "ls",
        "-l",
        "sudo",
        "sh",
        "tee",
        "kill",
        "reboot",
        "--set",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_command_with_a_letter_that_a_shell_knows_is_a_read(
        before in "[a-z /-]{0,20}",
        letter in prop::sample::select(vec![
            ';', '|', '&', '$', '`', '<', '>', '\n', '\r', '\t', '\0', '*', '?', '[', ']', '{',
            '}', '(', ')', '~', '#', '!', '\\', '^', '\u{a0}', 'é', '\u{202e}',
        ]),
        after in "[a-z /-]{0,20}",
    ) {
        for command in [
            format!("{before}{letter}{after}"),
            format!("ls {before}{letter}{after}"),
            format!("uptime{letter}{after}"),
            format!("journalctl --since '1 hour ago{letter}{after}'"),
            format!("journalctl --since \"1 hour ago{letter}\""),
        ] {
            prop_assert_eq!(inspection(&command), None);
        }
    }

    #[test]
    fn no_mixture_of_words_makes_a_read_with_a_verb_that_changes(
        words in prop::collection::vec(word(), 1..6),
    ) {
        let command = words.join(" ");
        let dangerous = [
            "set", "flush", "add", "del", "--vacuum-time=1s", "--rotate", "-C", "-K", "stop",
            "restart", "enable", "kill", "-exec", "-delete", "exec", "rm", "destroy", "--set",
            "env", "sort", "sudo", "sh", "tee", "reboot", "find",
        ];
        if let Some(parsed) = inspection(&command) {
            // As a name such words are harmless: `systemctl status kill`, `ip link show set`.
            let verb = parsed.get(..2).unwrap_or(&parsed);
            // So is `-C` of `ps`, which is followed by a name.
            let names = parsed.first().is_some_and(|program| program == "ps");
            prop_assert!(
                names || verb.iter().all(|word| !dangerous.contains(&word.as_str())),
                "{command}"
            );
            prop_assert!(parsed.iter().all(|word| {
                !["--rotate", "--vacuum-time=1s", "-C", "-K", "-exec", "-delete", "--set"]
                    .contains(&word.as_str()) || names
            }), "{command}");
        }
    }

    #[test]
    fn whatever_is_a_read_has_only_plain_letters_in_it(command in ".{0,60}") {
        if let Some(words) = inspection(&command) {
            for word in words {
                prop_assert!(
                    word.chars().all(|letter| letter.is_ascii_alphanumeric()
                        || "-_./,:=+@% ".contains(letter)),
                    "{word}"
                );
            }
        }
    }
}
