//! What a session reads: the files of one snapshot, whatever is stored or taken away around them.
//!
//! The engine asks a store which files a table has. This one answers from the records, so files that no record
//! knows are never read, every question of a session sees the same files, and nothing is listed.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};

use crate::store::Store;

/// The files of a snapshot in a store.
#[derive(Debug)]
pub(crate) struct Pinned {
    inner: Arc<dyn ObjectStore>,
    /// Path to length, bytes.
    files: BTreeMap<String, u64>,
    /// Its threads are needed for as long as somebody reads.
    _store: Store,
}

impl Pinned {
    /// Of files by relative path, with their lengths in bytes.
    ///
    /// # Errors
    /// When the folder cannot be found.
    pub(crate) fn new(store: Store, files: impl Iterator<Item = (String, u64)>) -> crate::error::Result<Pinned> {
        Ok(Pinned {
            inner: store.objects()?,
            files: files.collect(),
            _store: store,
        })
    }

    /// The files below a prefix.
    fn below(&self, prefix: Option<&Path>) -> Range<'_, String, u64> {
        match prefix.map(Path::as_ref).filter(|prefix| !prefix.is_empty()) {
            // The character after `/` ends what begins with it.
            Some(prefix) => self
                .files
                .range::<str, _>((Bound::Included(&*format!("{prefix}/")), Bound::Excluded(&*format!("{prefix}0")))),
            None => self.files.range::<str, _>(..),
        }
    }

    fn refused<T>(&self, operation: &str) -> Result<T> {
        Err(Error::NotImplemented {
            operation: operation.to_owned(),
            implementer: self.to_string(),
        })
    }
}

fn meta(path: &str, size: u64) -> ObjectMeta {
    ObjectMeta {
        location: Path::from(path),
        // Files never change, so it makes no difference when they were written.
        last_modified: DateTime::<Utc>::UNIX_EPOCH,
        size,
        e_tag: None,
        version: None,
    }
}

impl std::fmt::Display for Pinned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the lake as its records say")
    }
}

#[async_trait]
impl ObjectStore for Pinned {
    async fn put_opts(&self, _location: &Path, _payload: PutPayload, _options: PutOptions) -> Result<PutResult> {
        self.refused("put")
    }

    async fn put_multipart_opts(&self, _location: &Path, _options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.refused("put_multipart")
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.files.contains_key(location.as_ref()) {
            return self.inner.get_opts(location, options).await;
        }
        Err(Error::NotFound {
            path: location.to_string(),
            source: "no record names it".into(),
        })
    }

    fn delete_stream(&self, _locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        futures::stream::iter([self.refused("delete")]).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let found: Vec<_> = self.below(prefix).map(|(path, &size)| Ok(meta(path, size))).collect();
        futures::stream::iter(found).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let begin = prefix.map_or(0, |prefix| prefix.as_ref().len() + usize::from(!prefix.as_ref().is_empty()));
        let (mut objects, mut folders) = (Vec::new(), Vec::new());
        for (path, &size) in self.below(prefix) {
            match path.get(begin..).and_then(|rest| rest.find('/')) {
                Some(end) => folders.push(Path::from(&path[..begin + end])),
                None => objects.push(meta(path, size)),
            }
        }
        folders.dedup();
        Ok(ListResult {
            common_prefixes: folders,
            objects,
        })
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        self.refused("copy")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;
    use crate::store::Bucket;

    fn block<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(future)
    }

    #[test]
    fn only_what_the_records_name_is_there() {
        let inner = InMemory::new();
        for path in [
            "packets/day=2022-04-01/a",
            "packets/day=2022-04-01/orphan",
            "packets2/x",
            "packets/y",
        ] {
            block(inner.put(&Path::from(path), "bytes".into())).expect("put");
        }
        let names = ["packets/day=2022-04-01/a", "packets2/x", "packets/y"];
        let bucket = Bucket::over(Arc::new(inner), Duration::ZERO).expect("threads");
        let pinned = Pinned::new(Store::Bucket(bucket), names.into_iter().map(|name| (name.to_owned(), 5))).expect("a store");
        let listed = |prefix: Option<&str>| -> Vec<String> {
            let found = block(pinned.list(prefix.map(Path::from).as_ref()).try_collect::<Vec<_>>()).expect("list");
            found.into_iter().map(|meta| meta.location.to_string()).collect()
        };
        assert_eq!(listed(Some("packets")), ["packets/day=2022-04-01/a", "packets/y"]);
        assert_eq!(listed(Some("packets/day=2022-04-01")), ["packets/day=2022-04-01/a"]);
        assert_eq!(listed(None).len(), 3);
        let shallow = block(pinned.list_with_delimiter(Some(&Path::from("packets")))).expect("list");
        assert_eq!(shallow.common_prefixes, [Path::from("packets/day=2022-04-01")]);
        assert_eq!(shallow.objects.len(), 1);
        assert!(block(pinned.get(&Path::from("packets/day=2022-04-01/orphan"))).is_err());
        assert!(block(pinned.get(&Path::from(names[0]))).is_ok());
        assert!(block(pinned.put(&Path::from("x"), "bytes".into())).is_err());
    }
}
