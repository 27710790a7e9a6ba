//! A lake's files in a bucket of an S3-compatible object store.
//!
//! Needed of the store: puts that are whole or not at all, listings and reads that show every put that has been answered,
//! and puts on the condition that nothing is there (`If-None-Match: *`) or that nothing has changed (`If-Match`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, Error as ObjectError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
    WriteMultipart,
};
use tokio::runtime::Runtime;

use super::Listed;
use crate::error::{Error, Result, io};

/// Requests on the way at a time.
const AT_A_TIME: usize = 32;
/// Uploads on the way at a time.
const UPLOADS_AT_A_TIME: usize = 8;
/// Bytes from which on a file is put in parts.
const PART_BYTES: usize = 8 << 20;
/// Parts of a file on the way at a time.
const PARTS_AT_A_TIME: usize = 4;
/// Most attempts of a conditional put whose answer was lost.
const CREATE_ATTEMPTS_MAX: u32 = 4;
/// How often a request is sent again, and for how long.
const RETRIES_MAX: usize = 6;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a request may take. A part of a file is one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long files stay that a change took away, for those who still read them.
const GRACE: Duration = Duration::from_secs(3600);
/// An object that is put to learn the store's time.
const CLOCK: &str = "_hirundo/clock";

/// A bucket, or a prefix of one.
#[derive(Clone)]
pub struct Bucket {
    objects: Arc<dyn ObjectStore>,
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    grace: Duration,
    background: Background,
}

/// The threads that talk to the store, whoever asks from wherever.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        // Not the waiting kind: this may happen inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the client: it knows secrets.
        formatter
            .debug_struct("Bucket")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

impl Bucket {
    /// A bucket reached as the usual `AWS_*` variables say.
    ///
    /// # Errors
    /// When they contradict themselves or say too little.
    pub fn open(bucket: &str, prefix: &str, name: String) -> Result<Bucket> {
        let background = background()?;
        let Some(runtime) = &background.0 else { return Err(no_threads()) };
        let retry = RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
        let is_set = |key: AmazonS3ConfigKey| builder.get_config_value(&key).is_some_and(|value| !value.is_empty());
        let ways = [
            AmazonS3ConfigKey::AccessKeyId,
            AmazonS3ConfigKey::WebIdentityTokenFile,
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
        ];
        let is_anonymous = std::env::var("AWS_SKIP_SIGNATURE").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        if is_set(AmazonS3ConfigKey::Endpoint) && !ways.into_iter().any(is_set) && !is_anonymous {
            // Elsewhere the machine itself may have credentials; that is asked for, and takes its time.
            return Err(Error::NoCredentials { path: name });
        }
        let allow_http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        let options = ClientOptions::new().with_allow_http(allow_http).with_timeout(REQUEST_TIMEOUT);
        builder = builder
            .with_client_options(options)
            .with_http_connector(SpawnedReqwestConnector::new(runtime.handle().clone()));
        let client = builder.build().map_err(refused("reach", &name))?;
        let objects: Arc<dyn ObjectStore> = if prefix.is_empty() {
            Arc::new(client)
        } else {
            Arc::new(PrefixStore::new(client, Path::from(prefix)))
        };
        Ok(Bucket::new(objects, name, GRACE, background))
    }

    /// Over any store of objects, for tests.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn over(objects: Arc<dyn ObjectStore>, grace: Duration) -> Result<Bucket> {
        Ok(Bucket::new(objects, "s3://test".to_owned(), grace, background()?))
    }

    fn new(objects: Arc<dyn ObjectStore>, name: String, grace: Duration, background: Background) -> Bucket {
        let shared = Arc::new(Shared { name, grace, background });
        Bucket { objects, shared }
    }

    /// Its name as a URL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How long files stay that a change took away.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.shared.grace
    }

    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// Runs a request to its end on the threads in the background.
    pub(super) fn wait<T: Send + 'static>(&self, request: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let runtime = self.shared.background.0.as_ref().ok_or_else(no_threads)?;
        runtime.spawn(async move {
            // Who asked may have gone.
            drop(sender.send(request.await));
        });
        receiver.recv().map_err(|_| no_threads())
    }

    /// Starts something that goes on in the background.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<tokio::task::AbortHandle> {
        self.shared.background.0.as_ref().map(|runtime| runtime.spawn(task).abort_handle())
    }

    fn refused(&self, action: &'static str, relative: &str) -> impl FnOnce(ObjectError) -> Error + use<> {
        refused(action, &format!("{}/{relative}", self.name()))
    }

    pub(super) fn put_all<'a>(&self, files: impl IntoIterator<Item = (String, &'a [u8])>) -> Result<()> {
        let files: Vec<(String, Bytes)> = files
            .into_iter()
            .map(|(path, bytes)| (path, Bytes::copy_from_slice(bytes)))
            .collect();
        let objects = self.objects();
        let puts = futures::stream::iter(files).map(move |(path, bytes)| {
            let objects = Arc::clone(&objects);
            async move { put(&*objects, &path, bytes).await.map_err(|error| (path, error)) }
        });
        let done = self.wait(puts.buffer_unordered(UPLOADS_AT_A_TIME).try_collect::<Vec<()>>())?;
        done.map(drop).map_err(|(path, error)| self.refused("write", &path)(error))
    }

    /// Creates an object; false when there is another. Should an answer be lost, the object tells whose it is.
    pub(super) fn create(&self, relative: &str, bytes: &[u8]) -> Result<bool> {
        let mut last = None;
        for _ in 0..CREATE_ATTEMPTS_MAX {
            match self.put_if(relative, PutMode::Create, bytes)? {
                Ok(_) => return Ok(true),
                Err(error @ (ObjectError::AlreadyExists { .. } | ObjectError::Generic { .. })) => match self.get(relative)? {
                    Some(there) => return Ok(there == bytes),
                    None => last = Some(error),
                },
                Err(error) => return Err(self.refused("write", relative)(error)),
            }
        }
        let error = last.unwrap_or(ObjectError::NotImplemented {
            operation: "put".to_owned(),
            implementer: self.name().to_owned(),
        });
        Err(self.refused("write", relative)(error))
    }

    /// Replaces a version; the new one, or `None` when another came in between.
    pub(super) fn replace(&self, relative: &str, version: UpdateVersion, bytes: &[u8]) -> Result<Option<UpdateVersion>> {
        match self.put_if(relative, PutMode::Update(version), bytes)? {
            Ok(version) => Ok(Some(version)),
            Err(ObjectError::Precondition { .. } | ObjectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.refused("replace", relative)(error)),
        }
    }

    /// Whether the store refuses to create an object that is there.
    ///
    /// # Errors
    /// When it refuses for another reason.
    pub fn heeds_conditions(&self, relative: &str, bytes: &[u8]) -> Result<bool> {
        Ok(self.create_version(relative, bytes)?.is_none())
    }

    /// Creates an object; its version, or `None` when there is one.
    pub(super) fn create_version(&self, relative: &str, bytes: &[u8]) -> Result<Option<UpdateVersion>> {
        match self.put_if(relative, PutMode::Create, bytes)? {
            Ok(version) => Ok(Some(version)),
            Err(ObjectError::AlreadyExists { .. }) => Ok(None),
            Err(error) => Err(self.refused("write", relative)(error)),
        }
    }

    fn put_if(&self, relative: &str, mode: PutMode, bytes: &[u8]) -> Result<Result<UpdateVersion, ObjectError>> {
        let (objects, path, payload) = (self.objects(), Path::from(relative), PutPayload::from(bytes.to_vec()));
        self.wait(async move {
            let put = objects.put_opts(&path, payload, PutOptions::from(mode)).await;
            put.map(UpdateVersion::from)
        })
    }

    pub(super) fn get(&self, relative: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get_version(relative)?.map(|(bytes, _)| bytes))
    }

    pub(super) fn get_version(&self, relative: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>> {
        let (objects, path) = (self.objects(), Path::from(relative));
        let got = self.wait(async move { get(&*objects, &path).await })?;
        got.map_err(self.refused("read", relative))
    }

    pub(super) fn get_all(&self, paths: &[String]) -> Result<Vec<Result<Option<Vec<u8>>>>> {
        let (objects, paths_owned) = (self.objects(), paths.to_vec());
        let gets = futures::stream::iter(paths_owned).map(move |path| {
            let objects = Arc::clone(&objects);
            async move { get(&*objects, &Path::from(path)).await }
        });
        let got = self.wait(gets.buffered(AT_A_TIME).collect::<Vec<_>>())?;
        let named = |(got, path): (Result<Option<(Vec<u8>, _)>, _>, &String)| {
            got.map(|found| found.map(|(bytes, _)| bytes)).map_err(self.refused("read", path))
        };
        Ok(got.into_iter().zip(paths).map(named).collect())
    }

    pub(super) fn delete<'a>(&self, files: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let paths: Vec<Path> = files.into_iter().map(Path::from).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let objects = self.objects();
        let deleted = self.wait(async move {
            let paths = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
            let is_gone = |result: &Result<Path, ObjectError>| !matches!(result, Err(ObjectError::NotFound { .. }));
            let results = objects.delete_stream(paths);
            results
                .filter(|result| futures::future::ready(is_gone(result)))
                .try_collect::<Vec<_>>()
                .await
        })?;
        deleted.map(drop).map_err(self.refused("delete files of", ""))
    }

    /// The files below a prefix, sorted by path.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let (objects, path) = (self.objects(), Path::from(prefix));
        let found = self.wait(async move { objects.list(Some(&path)).try_collect::<Vec<_>>().await })?;
        let mut found: Vec<Listed> = found
            .map_err(self.refused("list", prefix))?
            .into_iter()
            .map(|meta| Listed {
                path: meta.location.to_string(),
                modified: meta.last_modified,
            })
            .collect();
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// Paths below a prefix that come after another, sorted.
    pub(super) fn list_after(&self, prefix: &str, after: Option<String>) -> Result<Vec<String>> {
        let (objects, path) = (self.objects(), Path::from(prefix));
        let offset = after.map_or_else(|| path.clone(), Path::from);
        let listed = self.wait(async move { objects.list_with_offset(Some(&path), &offset).try_collect::<Vec<_>>().await })?;
        let listed = listed.map_err(self.refused("list", prefix))?;
        let mut paths: Vec<String> = listed.into_iter().map(|meta| meta.location.to_string()).collect();
        paths.sort();
        Ok(paths)
    }

    /// When an object was written, by the store's clock.
    ///
    /// # Errors
    /// When the store refuses, or there is none.
    pub fn modified(&self, relative: &str) -> Result<DateTime<Utc>> {
        let (objects, path) = (self.objects(), Path::from(relative));
        let meta = self.wait(async move { objects.head(&path).await })?;
        Ok(meta.map_err(self.refused("look at", relative))?.last_modified)
    }

    /// The store's time, by putting an object.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn now(&self) -> Result<DateTime<Utc>> {
        self.put_all([(CLOCK.to_owned(), &b"its date is the time\n"[..])])?;
        self.modified(CLOCK)
    }
}

async fn put(objects: &dyn ObjectStore, path: &str, bytes: Bytes) -> Result<(), ObjectError> {
    let path = Path::from(path);
    if bytes.len() <= PART_BYTES {
        return objects.put(&path, PutPayload::from_bytes(bytes)).await.map(drop);
    }
    let upload = objects.put_multipart(&path).await?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    for from in (0..bytes.len()).step_by(PART_BYTES) {
        upload.wait_for_capacity(PARTS_AT_A_TIME).await?;
        upload.put(bytes.slice(from..bytes.len().min(from + PART_BYTES)));
    }
    upload.finish().await.map(drop)
}

async fn get(objects: &dyn ObjectStore, path: &Path) -> Result<Option<(Vec<u8>, UpdateVersion)>, ObjectError> {
    let got = match objects.get(path).await {
        Ok(got) => got,
        Err(ObjectError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let version = UpdateVersion {
        e_tag: got.meta.e_tag.clone(),
        version: got.meta.version.clone(),
    };
    Ok(Some((got.bytes().await?.to_vec(), version)))
}

fn background() -> Result<Background> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("objects")
        .enable_all()
        .build();
    Ok(Background(Some(runtime.map_err(io("start threads for", "the object store"))?)))
}

fn no_threads() -> Error {
    let source = std::io::Error::other("its threads have ended");
    io("wait for", "the object store")(source)
}

/// Names action, object and what to do about it.
#[allow(clippy::wildcard_enum_match_arm, reason = "not our enum, and it may grow")]
fn refused(action: &'static str, path: &str) -> impl FnOnce(ObjectError) -> Error + use<> {
    let path = path.to_owned();
    move |source| {
        let hint = match &source {
            ObjectError::NotFound { .. } => "make the bucket first, or check its name",
            // Not every answer comes with a kind of its own.
            source if source.to_string().contains("NoSuchBucket") => "make the bucket first, or check its name",
            ObjectError::PermissionDenied { .. } | ObjectError::Unauthenticated { .. } => {
                "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they are allowed to do"
            }
            ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => {
                "a lake needs an object store with conditional puts (If-None-Match, If-Match)"
            }
            _ => "check AWS_ENDPOINT_URL, AWS_REGION and the network; http:// needs AWS_ALLOW_HTTP=true",
        };
        Error::Objects {
            action,
            path,
            hint,
            source: Box::new(source),
        }
    }
}
