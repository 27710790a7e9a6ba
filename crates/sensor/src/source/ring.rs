//! A ring of the kernel's (AF_PACKET, TPACKET_V3), shared by mmap: the one place that talks to the kernel unsafely.
#![allow(unsafe_code, reason = "system calls that std does not have, and memory shared with the kernel")]

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::assembler::Instruction;
use super::block::HEADER_BYTES;
use super::filter::Form;

/// Where a block's status stands in it.
const STATUS_AT: usize = 8;
/// What the kernel wants told of frames' sizes; with TPACKET_V3 it plays no other part.
const FRAME_BYTES: u32 = 2048;

/// How large a ring is, and when the kernel hands a block over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Bytes of a block, a multiple of the page.
    pub(super) block_bytes: u32,
    /// Blocks.
    pub(super) blocks: u32,
    /// After how long a block that is not full is handed over, milliseconds.
    pub(super) retire_ms: u32,
}

/// What the kernel counted since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Frames that the filter took, the dropped ones too.
    pub(super) taken: u64,
    /// Of them dropped because the ring was full.
    pub(super) dropped: u64,
    /// How often the ring became full.
    pub(super) freezes: u64,
}

/// A packet socket that takes nothing yet.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// With the link header where the form is Ethernet, without otherwise. Protocol 0: nothing comes until
    /// [`Socket::bind`].
    pub(super) fn open(form: Form) -> io::Result<Socket> {
        let kind = match form {
            Form::Ethernet => libc::SOCK_RAW,
            Form::Network => libc::SOCK_DGRAM,
        };
        // SAFETY: no memory is passed.
        let socket = unsafe { libc::socket(libc::AF_PACKET, kind | libc::SOCK_CLOEXEC, 0) };
        check(socket)?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Socket(unsafe { OwnedFd::from_raw_fd(socket) }))
    }

    /// Frames that this machine sends do not come.
    pub(super) fn ignore_outgoing(&self) -> io::Result<()> {
        set(self.0.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)
    }

    /// Frames for others come too.
    pub(super) fn be_promiscuous(&self, interface: u32) -> io::Result<()> {
        let wish = libc::packet_mreq {
            mr_ifindex: interface.cast_signed(),
            mr_type: u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or_default(),
            mr_alen: 0,
            mr_address: [0; 8],
        };
        set(self.0.as_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &wish)
    }

    /// Frames of the interface come from now on.
    pub(super) fn bind(&self, interface: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: u16::try_from(libc::AF_PACKET).unwrap_or_default(),
            sll_protocol: u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be(),
            sll_ifindex: interface.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = bytes_of(&address);
        // SAFETY: the address lives during the call and is as long as said.
        check(unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length) })
    }

    /// Kind of hardware of an interface (`ARPHRD_…`).
    pub(super) fn hardware(&self, name: &str) -> io::Result<u16> {
        // SAFETY: all zeros are a value of this struct of plain numbers.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        fill_name(&mut request, name)?;
        // SAFETY: the request lives during the call; the kernel writes into it only.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) })?;
        // SAFETY: this call fills this field of the union; every value of it is one.
        Ok(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family })
    }

    /// Number of the interface it is bound to; `None` when that is gone.
    pub(super) fn interface(&self) -> io::Result<Option<u32>> {
        // SAFETY: all zeros are a value of this struct of plain numbers.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = bytes_of(&address);
        // SAFETY: the address lives during the call, and the kernel writes at most `length` bytes.
        check(unsafe { libc::getsockname(self.0.as_raw_fd(), (&raw mut address).cast(), &raw mut length) })?;
        Ok(u32::try_from(address.sll_ifindex).ok().filter(|index| *index != 0))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A socket with its ring.
#[derive(Debug)]
pub(super) struct Ring {
    socket: Socket,
    memory: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
    current: usize,
}

// SAFETY: the memory belongs to the ring alone, whichever thread has it.
unsafe impl Send for Ring {}

impl Ring {
    /// Makes the ring of a socket that is not bound yet.
    pub(super) fn new(socket: Socket, size: Size) -> io::Result<Ring> {
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let wish = libc::tpacket_req3 {
            tp_block_size: size.block_bytes,
            tp_block_nr: size.blocks,
            tp_frame_size: FRAME_BYTES,
            tp_frame_nr: size.block_bytes / FRAME_BYTES * size.blocks,
            tp_retire_blk_tov: size.retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_RX_RING, &wish)?;
        let (block_bytes, blocks) = (size.block_bytes as usize, size.blocks as usize);
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory of ours.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                block_bytes * blocks,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.0.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Ring {
            socket,
            memory,
            block_bytes,
            blocks,
            current: 0,
        })
    }

    /// The socket.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether a block can be read without waiting.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ours(self.current)
    }

    /// Blocks that wait to be read, and all there are.
    pub(super) fn fill(&self) -> (usize, usize) {
        let waiting = (0..self.blocks).take_while(|ahead| self.is_ours((self.current + ahead) % self.blocks));
        (waiting.count(), self.blocks)
    }

    /// Lends the next block and gives it back to the kernel; `None` when there is none yet.
    pub(super) fn read<R>(&mut self, visit: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if !self.is_ready() {
            return None;
        }
        let number = self.current;
        self.current = (number + 1) % self.blocks;
        // SAFETY: the block lies inside the mapping (see `block`); the kernel has handed it over (`is_ours` read its
        // status with Acquire) and does not write into it until the status below is set. The status is read as an
        // atomic only while no such slice lives.
        let bytes = unsafe { std::slice::from_raw_parts(self.block(number).as_ptr(), self.block_bytes) };
        let result = visit(bytes);
        self.status(number).store(libc::TP_STATUS_KERNEL, Ordering::Release);
        Some(result)
    }

    /// What the kernel counted since the last call.
    pub(super) fn statistics(&self) -> io::Result<Statistics> {
        let counted: libc::tpacket_stats_v3 = get(self.socket.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Statistics {
            taken: counted.tp_packets.into(),
            dropped: counted.tp_drops.into(),
            freezes: counted.tp_freeze_q_cnt.into(),
        })
    }

    /// Takes note of an error that waits at the socket, which would keep [`poll`] from waiting.
    pub(super) fn take_error(&self) -> io::Result<()> {
        let error: libc::c_int = get(self.socket.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR)?;
        if error == 0 {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(error))
        }
    }

    fn is_ours(&self, block: usize) -> bool {
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// Begin of a block in the mapping.
    fn block(&self, number: usize) -> NonNull<u8> {
        debug_assert!(number < self.blocks, "block {number} of {}", self.blocks);
        // SAFETY: numbers are below `blocks`, so the block lies inside the mapping.
        unsafe { self.memory.add(number * self.block_bytes) }
    }

    fn status(&self, block: usize) -> &AtomicU32 {
        const { assert!(STATUS_AT + 4 <= HEADER_BYTES) };
        // SAFETY: inside the block, aligned (blocks are pages), living as long as the mapping, and shared with the
        // kernel, which is what an atomic is for.
        unsafe { AtomicU32::from_ptr(self.block(block).add(STATUS_AT).cast().as_ptr()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing borrowed from it can be left. It cannot fail with these arguments.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.block_bytes * self.blocks) };
    }
}

/// Puts a filter on a socket; it replaces the one before.
///
/// # Errors
/// When the kernel refuses the program.
pub fn attach(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = program
        .iter()
        .map(|one| libc::sock_filter {
            code: one.code,
            jt: one.jump_true,
            jf: one.jump_false,
            k: one.value,
        })
        .collect();
    let wish = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_mut_ptr(),
    };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &wish)
}

/// Waits until one of the sockets has something, at most `wait`.
pub(super) fn poll(sockets: &[BorrowedFd<'_>], wait: Duration) -> io::Result<()> {
    let mut wanted: Vec<libc::pollfd> = sockets
        .iter()
        .map(|socket| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the list lives during the call and is as long as said.
    match check(unsafe { libc::poll(wanted.as_mut_ptr(), wanted.len() as libc::nfds_t, wait_ms) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        other => other,
    }
}

/// Number of an interface, `None` without one of that name.
pub(super) fn index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends with a zero and lives during the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

fn fill_name(request: &mut libc::ifreq, name: &str) -> io::Result<()> {
    if name.len() >= libc::IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Ok(())
}

/// Sets an option to a value that is a plain C struct or number.
fn set<T>(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = bytes_of(value);
    // SAFETY: the value lives during the call and is as long as said; the kernel only reads it.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, std::ptr::from_ref(value).cast(), length) })
}

/// Structs of plain numbers, of which all zeros are a value.
trait Plain {}
impl Plain for libc::c_int {}
impl Plain for libc::tpacket_stats_v3 {}

/// Reads an option.
fn get<T: Plain>(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int) -> io::Result<T> {
    // SAFETY: that is what `Plain` says.
    let mut value: T = unsafe { std::mem::zeroed() };
    let mut length = bytes_of(&value);
    // SAFETY: the value lives during the call, and the kernel writes at most `length` bytes.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut length) };
    check(result).map(|()| value)
}

fn bytes_of<T>(_: &T) -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
