//! The body of a request: pieces of a batch, no faster than the limit.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::lock;
use super::pace::Pacer;

/// When a body last moved: how a stuck request is told from a slow one.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn last(&self) -> Instant {
        *lock(&self.0)
    }

    fn touch(&self) {
        *lock(&self.0) = Instant::now();
    }
}

/// A body that is there as a whole and goes out in pieces.
#[derive(Debug)]
pub(crate) struct Upload {
    rest: Bytes,
    /// Without one, as fast as the connection takes it.
    pacer: Option<Arc<Pacer>>,
    progress: Progress,
    /// A piece that is paid for and goes out when the time has come.
    due: Option<(usize, Pin<Box<Sleep>>)>,
}

impl Upload {
    pub(crate) fn new(bytes: Bytes, pacer: Option<Arc<Pacer>>, progress: Progress) -> Self {
        Self {
            rest: bytes,
            pacer,
            progress,
            due: None,
        }
    }

    fn piece(&mut self, bytes: usize) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.touch();
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(bytes.min(self.rest.len()))))))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        if body.rest.is_empty() {
            return Poll::Ready(None);
        }
        let Some(pacer) = &body.pacer else {
            return body.piece(usize::MAX);
        };
        if body.due.is_none() {
            let bytes = pacer.piece_bytes().min(body.rest.len());
            let wait = pacer.take(bytes, Instant::now());
            if wait.is_zero() {
                return body.piece(bytes);
            }
            body.due = Some((bytes, Box::pin(tokio::time::sleep(wait))));
        }
        match &mut body.due {
            Some((bytes, sleep)) => {
                let bytes = *bytes;
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                body.due = None;
                body.piece(bytes)
            }
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
