//! An ear at an interface that hears what comes in and what goes out, and how full a disk is.
#![allow(unsafe_code, reason = "packet sockets and statvfs are system calls that std does not have")]

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes of a packet that are looked at: headers, and extension headers.
const PACKET_BYTES: usize = 256;
/// Bytes the kernel keeps for us between two looks.
const BUFFER_BYTES: libc::c_int = 4 << 20;

/// A packet socket on one interface; packets begin at their network header.
#[derive(Debug)]
pub(super) struct Ear(OwnedFd);

/// A packet that was heard.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    /// Whether this machine sent it.
    pub(super) outgoing: bool,
    /// Its first bytes, from the network header on.
    pub(super) bytes: &'a [u8],
}

impl Ear {
    /// Listens at an interface.
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        let index = index(interface)?;
        let protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no memory is passed.
        let socket = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let ear = Self(unsafe { OwnedFd::from_raw_fd(socket) });
        let bytes = BUFFER_BYTES;
        // SAFETY: the option lives during the call and is as long as said. Without it the usual buffer has to do.
        unsafe {
            libc::setsockopt(
                socket,
                libc::SOL_SOCKET,
                libc::SO_RCVBUF,
                (&raw const bytes).cast(),
                length_of::<libc::c_int>(),
            );
        }
        // SAFETY: all zeros are a value of this struct of plain numbers.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
        address.sll_protocol = protocol;
        address.sll_ifindex = index;
        // SAFETY: the address lives during the call and is as long as said.
        let bound = unsafe { libc::bind(socket, (&raw const address).cast(), length_of::<libc::sockaddr_ll>()) };
        if bound == 0 { Ok(ear) } else { Err(io::Error::last_os_error()) }
    }

    /// The next packet that waits; `None` when there is none.
    pub(super) fn hear<'a>(&self, buffer: &'a mut [u8; PACKET_BYTES]) -> io::Result<Option<Heard<'a>>> {
        // SAFETY: all zeros are a value of this struct of plain numbers.
        let mut from: libc::sockaddr_ll = unsafe { zeroed() };
        let mut from_len = length_of::<libc::sockaddr_ll>();
        // SAFETY: buffer and address live during the call and are as long as said.
        let read = unsafe {
            libc::recvfrom(
                self.0.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
                (&raw mut from).cast(),
                &raw mut from_len,
            )
        };
        let Ok(read) = usize::try_from(read) else {
            let error = io::Error::last_os_error();
            let nothing = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            return if nothing { Ok(None) } else { Err(error) };
        };
        Ok(Some(Heard {
            outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
            bytes: buffer.get(..read).unwrap_or_default(),
        }))
    }
}

/// Number of an interface. Not from `/sys`, which shows those of the network namespace that mounted it.
pub(super) fn index(interface: &str) -> io::Result<i32> {
    let name = CString::new(interface)?;
    // SAFETY: the name ends with a zero byte and lives during the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(index).map_err(io::Error::other)
}

/// An empty buffer for [`Ear::hear`].
pub(super) fn buffer() -> [u8; PACKET_BYTES] {
    [0; PACKET_BYTES]
}

/// Bytes free for others than root, and of the whole disk, where this path is.
pub(super) fn room(path: &Path) -> io::Result<(u64, u64)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all zeros are a value of this struct of plain numbers.
    let mut found: libc::statvfs = unsafe { zeroed() };
    // SAFETY: the path ends with a zero byte; the struct lives during the call.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut found) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let fragment = found.f_frsize;
    Ok((found.f_bavail.saturating_mul(fragment), found.f_blocks.saturating_mul(fragment)))
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}
