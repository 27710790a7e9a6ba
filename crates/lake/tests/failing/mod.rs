//! An object store that stops answering after a number of requests, as if the process had died.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};

/// The store, and how many requests it still answers.
#[derive(Debug)]
pub(crate) struct Failing {
    inner: Arc<dyn ObjectStore>,
    asked: AtomicU64,
    answers: u64,
    /// Whether the last put takes effect without being answered.
    is_late: bool,
}

impl Failing {
    /// Answers so many requests.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, answers: u64, is_late: bool) -> Failing {
        Failing {
            inner,
            asked: AtomicU64::new(0),
            answers,
            is_late,
        }
    }

    /// Whether a request was not answered.
    pub(crate) fn died(&self) -> bool {
        self.asked.load(Ordering::SeqCst) > self.answers
    }

    /// Whether this request is answered, and whether it is the first that is not.
    fn ask(&self) -> (bool, bool) {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        (asked < self.answers, asked == self.answers)
    }
}

fn dead<T>() -> Result<T> {
    Err(Error::NotSupported {
        source: "the process is dead".into(),
    })
}

impl std::fmt::Display for Failing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a store that fails")
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (is_answered, is_first) = self.ask();
        if is_answered {
            return self.inner.put_opts(location, payload, options).await;
        }
        if is_first && self.is_late {
            drop(self.inner.put_opts(location, payload, options).await);
        }
        dead()
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        if self.ask().0 {
            return self.inner.put_multipart_opts(location, options).await;
        }
        dead()
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.ask().0 {
            return self.inner.get_opts(location, options).await;
        }
        dead()
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.ask().0 {
            return self.inner.delete_stream(locations);
        }
        futures::stream::iter([dead()]).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.ask().0 {
            return self.inner.list(prefix);
        }
        futures::stream::iter([dead()]).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        if self.ask().0 {
            return self.inner.list_with_delimiter(prefix).await;
        }
        dead()
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if self.ask().0 {
            return self.inner.copy_opts(from, to, options).await;
        }
        dead()
    }
}
