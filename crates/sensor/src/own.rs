//! Ends of the sensor's own traffic: addresses of its centres and its proxy, looked up again now and then.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::source::filter::Endpoint;
use crate::uplink::{Centre, Settings};

/// How often names are looked up.
const EVERY: Duration = Duration::from_secs(300);
/// Most ends that are kept; what a name server gives beyond is left out.
const ENDS_MAX: usize = 128;

/// Names and their addresses, as far as known.
#[derive(Debug)]
pub struct Own {
    names: Vec<(String, u16)>,
    ends: Mutex<BTreeSet<Endpoint>>,
    news: AtomicBool,
}

impl Own {
    /// With the addresses that need no looking up.
    #[must_use]
    pub fn new(settings: &Settings, centres: &[Centre]) -> Own {
        let mut hosts: Vec<(String, u16)> = centres.iter().map(|centre| (centre.host.clone(), centre.port)).collect();
        hosts.extend(settings.proxy.iter().map(|proxy| (proxy.host.clone(), proxy.port)));
        let own = Own {
            names: hosts,
            ends: Mutex::default(),
            news: AtomicBool::new(false),
        };
        for (host, port) in &own.names {
            let given = settings.resolve.get(&format!("{host}:{port}")).into_iter().flatten().copied();
            own.add(given.chain(host.parse()), *port);
        }
        own.news.store(false, Ordering::Relaxed);
        own
    }

    /// What is known.
    #[must_use]
    pub fn ends(&self) -> Vec<Endpoint> {
        self.lock().iter().copied().collect()
    }

    /// What is known, if that is more than at the last call.
    #[must_use]
    pub fn news(&self) -> Option<Vec<Endpoint>> {
        self.news.swap(false, Ordering::Relaxed).then(|| self.ends())
    }

    /// Looks names up on a thread of its own, for as long as the process lives.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn keep_looking(self: &Arc<Self>) -> std::io::Result<()> {
        if self.names.iter().all(|(host, _)| host.parse::<IpAddr>().is_ok()) {
            return Ok(());
        }
        let own = Arc::clone(self);
        let thread = std::thread::Builder::new().name("names".to_owned());
        thread.spawn(move || {
            loop {
                own.look_up();
                std::thread::sleep(EVERY);
            }
        })?;
        Ok(())
    }

    /// Addresses a name once had stay: connections to them may still be there.
    fn look_up(&self) {
        for (host, port) in &self.names {
            match (host.as_str(), *port).to_socket_addrs() {
                Ok(found) => self.add(found.map(|address| address.ip()), *port),
                Err(error) => tracing::debug!("{host} is not looked up: {error}"),
            }
        }
    }

    fn add(&self, addresses: impl Iterator<Item = IpAddr>, port: u16) {
        let mut ends = self.lock();
        for address in addresses {
            let end = Endpoint { address, port: Some(port) };
            if ends.len() < ENDS_MAX && ends.insert(end) {
                self.news.store(true, Ordering::Relaxed);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Endpoint>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_known_as_far_as_they_are_written_and_more_once_looked_up() {
        let centre = |text: &str| text.parse::<Centre>().unwrap();
        let settings = Settings {
            resolve: [("centre.example:4443".to_owned(), vec!["192.0.2.7".parse().unwrap()])].into(),
            ..Settings::default()
        };
        let centres = [
            centre("https://centre.example:4443"),
            centre("https://[2001:db8::1]:443"),
            centre("https://localhost:9"),
        ];
        let own = Own::new(&settings, &centres);
        let end = |address: &str, port| Endpoint {
            address: address.parse().unwrap(),
            port: Some(port),
        };
        assert_eq!(own.ends(), [end("192.0.2.7", 4443), end("2001:db8::1", 443)]);
        assert_eq!(own.news(), None);
        own.look_up();
        assert!(
            own.news()
                .unwrap()
                .iter()
                .any(|end| end.port == Some(9) && end.address.is_loopback())
        );
        assert_eq!(own.news(), None);
    }
}
