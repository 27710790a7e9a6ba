//! The batch that is being gathered, and its journal.

use std::io;

use hirundo_packet::batch::{Builder, Header, Minute};
use hirundo_packet::decode::{Decoded, Reason};

use super::journal::{INTERFACE_BYTES_MAX, INTERFACES_MAX, Journal};
use super::{Account, Accounts};

/// A journal that has nothing new is written this often all the same: when the sensor was last alive.
const ALIVE_US: i64 = 10_000_000;

/// The batch that packets go into. What was pushed survives the process from the next [`Open::flush`] on.
#[derive(Debug)]
pub struct Open {
    pub(super) header: Header,
    pub(super) builder: Box<Builder>,
    pub(super) journal: Journal,
    pub(super) accounts: Accounts,
    /// Of what the journal has.
    journalled_accounts: Accounts,
    alive_us: Option<i64>,
}

impl Open {
    pub(super) fn new(header: Header, builder: Box<Builder>, journal: Journal, accounts: Accounts) -> Open {
        Open {
            header,
            builder,
            journal,
            accounts,
            journalled_accounts: Accounts::new(),
            alive_us: None,
        }
    }

    /// [`Builder::push`]: adds a packet and counts it as seen and kept in its minute; false when the batch is full.
    #[inline]
    pub fn push(&mut self, decoded: &Decoded<'_>, payload_bytes_max: u8) -> bool {
        self.builder.push(decoded, payload_bytes_max)
    }

    /// [`Builder::push_unreadable`]: counts a frame as seen and unreadable in its minute, and its reason.
    #[inline]
    pub fn push_unreadable(&mut self, time_us: i64, reason: Reason) {
        self.builder.push_unreadable(time_us, reason);
    }

    /// [`Builder::note`]: counts what could not be read of a packet that is pushed.
    #[inline]
    pub fn note(&mut self, reason: Reason) {
        self.builder.note(reason);
    }

    /// [`Builder::minute`]: adds health that pushing does not count; false when there is no room.
    pub fn minute(&mut self, minute: Minute) -> bool {
        self.builder.minute(minute)
    }

    /// How much of what an interface received is accounted for; goes to disk with the next [`Open::flush`], together with
    /// what was pushed before it. False when the name is too long or there are too many interfaces.
    pub fn account(&mut self, interface: &str, account: Account) -> bool {
        if let Some(known) = self.accounts.get_mut(interface) {
            *known = account;
            return true;
        }
        if interface.len() > INTERFACE_BYTES_MAX || self.accounts.len() >= INTERFACES_MAX {
            return false;
        }
        self.accounts.insert(interface.to_owned(), account);
        true
    }

    /// Packets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.builder.len()
    }

    /// Whether nothing went in, neither packets nor health.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    /// Whether it must be sealed before more goes in.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.builder.is_full()
    }

    /// Writes what is new to the journal, with one `write`.
    ///
    /// # Errors
    /// When the disk refuses. Nothing is lost by that as long as the process lives: it is tried again with the next
    /// flush, and the batch can be sealed all the same.
    pub fn flush(&mut self, now_us: i64) -> io::Result<()> {
        let is_due = self
            .alive_us
            .is_none_or(|alive_us| now_us.saturating_sub(alive_us).saturating_abs() >= ALIVE_US);
        if self.builder.has_news() || is_due || self.accounts != self.journalled_accounts {
            self.journal.add(now_us, &self.accounts, &mut self.builder);
            self.journalled_accounts.clone_from(&self.accounts);
            self.alive_us = Some(now_us);
        } else if !self.journal.is_pending() {
            return Ok(());
        }
        self.journal.write()
    }
}
