//! Network namespaces of a test's own, and frames sent in them.
#![allow(unsafe_code, reason = "packet sockets and a tun device, which std does not have")]
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;

use hirundo_packet::encode::{self, Addresses, Framing, IpHeader, Tcp, Transport};

/// Set where a test runs in its namespace.
const INSIDE: &str = "HIRUNDO_TEST_NAMESPACE";
/// CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN.
const NEEDED: u64 = 1 << 12 | 1 << 13 | 1 << 21;

/// Runs the test of this name in a network namespace of its own, with its own `/sys`; whether this is the run inside, which
/// has to do the work. Without the rights for that, says so loudly and tests nothing.
#[allow(clippy::print_stderr, reason = "a test that was left out must be seen")]
pub(crate) fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
        fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
        return true;
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let held = u64::from_str_radix(line.trim(), 16).unwrap();
    if held & NEEDED != NEEDED {
        eprintln!("SKIPPED: {test} makes network namespaces, for which it needs to run as root");
        return false;
    }
    let status = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", "mount -t sysfs sysfs /sys && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare, of util-linux, makes the namespace");
    assert!(status.success(), "{test} failed inside its namespace, see above");
    false
}

/// Runs `ip`, of iproute2.
pub(crate) fn ip(words: &str) {
    let status = Command::new("ip")
        .args(words.split(' '))
        .status()
        .expect("ip, of iproute2, is needed");
    assert!(status.success(), "ip {words}");
}

/// Two interfaces, each the other end of the other.
pub(crate) fn pair(one: &str, other: &str) {
    ip(&format!("link add {one} type veth peer name {other}"));
    ip(&format!("link set {one} up"));
    ip(&format!("link set {other} up"));
}

/// A SYN to a host of 198.51.100.0/24, behind an Ethernet header or none.
pub(crate) fn syn(framing: Framing, host: u8, seq: u32) -> Vec<u8> {
    let header = IpHeader {
        addresses: Addresses::V4 {
            src: 0xc000_0201,
            dst: 0xc633_6400 + u32::from(host),
        },
        ttl: 64,
        id: 54_321,
        part: 0,
    };
    let tcp = Tcp {
        src_port: 40_000,
        dst_port: 23,
        seq,
        flags: 2,
        ..Tcp::default()
    };
    let mut frame = Vec::new();
    encode::encode(framing, &header, &Transport::Tcp(tcp), &mut frame).unwrap();
    frame
}

/// Sends frames out of an interface.
pub(crate) struct Sender(OwnedFd);

impl Sender {
    pub(crate) fn new(interface: &str) -> Sender {
        let name = CString::new(interface).unwrap();
        // SAFETY: the name lives during the call; the descriptor is new; the address is as long as said.
        unsafe {
            let socket = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
            assert!(socket >= 0, "{}", std::io::Error::last_os_error());
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = u16::try_from(libc::AF_PACKET).unwrap();
            address.sll_ifindex = i32::try_from(libc::if_nametoindex(name.as_ptr())).unwrap();
            let length = u32::try_from(size_of_val(&address)).unwrap();
            let bound = libc::bind(socket, (&raw const address).cast(), length);
            assert_eq!(bound, 0, "{}", std::io::Error::last_os_error());
            Sender(OwnedFd::from_raw_fd(socket))
        }
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        // SAFETY: the frame lives during the call and is as long as said.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(usize::try_from(sent), Ok(frame.len()), "{}", std::io::Error::last_os_error());
    }
}

/// An interface without link headers; what is written to the file arrives at it.
pub(crate) fn tunnel(name: &str) -> File {
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun").unwrap();
    // SAFETY: all zeros are a value of this struct, which lives during the call.
    let made = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = libc::c_char::try_from(from).unwrap();
        }
        request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_TUN | libc::IFF_NO_PI).unwrap();
        libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw const request)
    };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
    ip(&format!("link set {name} up"));
    tun
}
