//! Reading files where they lie: on this machine, by the thread that decodes them.
//!
//! The engine hands every read to another thread and opens the file anew for it; a question about one source
//! reads some thousand bloom filters of files that are open already.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use object_store::local::LocalFileSystem;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

/// The same scan, its files read by us; `None` when it is no scan of Parquet files on this machine.
pub(super) fn read_here(plan: &dyn ExecutionPlan) -> Option<Arc<dyn ExecutionPlan>> {
    let scan = plan.downcast_ref::<DataSourceExec>()?;
    let (config, source) = scan.downcast_to_file_source::<ParquetSource>()?;
    if config.object_store_url != ObjectStoreUrl::local_filesystem() {
        return None;
    }
    let here = Here {
        engines: Arc::clone(source.parquet_file_reader_factory()?),
        files: LocalFileSystem::new(),
    };
    let source = source.clone().with_parquet_file_reader_factory(Arc::new(here));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).build();
    Some(Arc::new(scan.clone().with_data_source(Arc::new(config))))
}

#[derive(Debug)]
struct Here {
    /// Reads footers, which the engine keeps for later questions.
    engines: Arc<dyn ParquetFileReaderFactory>,
    files: LocalFileSystem,
}

impl ParquetFileReaderFactory for Here {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        footer_bytes: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let location = &file.object_meta.location;
        let reader = Reader {
            path: self.files.path_to_filesystem(location)?,
            open: None,
            scanned_bytes: MetricBuilder::new(metrics)
                .with_new_label("filename", location.to_string())
                .counter("bytes_scanned", partition),
            engines: self.engines.create_reader(partition, file, footer_bytes, metrics)?,
        };
        Ok(Box::new(reader))
    }
}

struct Reader {
    path: PathBuf,
    open: Option<Open>,
    scanned_bytes: Count,
    engines: Box<dyn AsyncFileReader + Send>,
}

struct Open {
    file: File,
    bytes: u64,
}

impl Open {
    fn new(path: &Path) -> std::io::Result<Open> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Open { file, bytes })
    }

    fn read(&mut self, range: &Range<u64>) -> std::io::Result<Bytes> {
        if range.start > range.end || range.end > self.bytes {
            let (start, end, bytes) = (range.start, range.end, self.bytes);
            return Err(std::io::Error::other(format!("bytes {start} to {end} of {bytes} do not exist")));
        }
        let length = range.end - range.start;
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(std::io::Error::other)?);
        self.file.seek(SeekFrom::Start(range.start))?;
        let read = (&mut self.file).take(length).read_to_end(&mut bytes)?;
        if read as u64 != length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Bytes::from(bytes))
    }
}

impl Reader {
    fn read(&mut self, ranges: &[Range<u64>]) -> parquet::errors::Result<Vec<Bytes>> {
        let failed = |path: &Path, error: &std::io::Error| ParquetError::General(format!("could not read {}: {error}", path.display()));
        if self.open.is_none() {
            self.open = Some(Open::new(&self.path).map_err(|error| failed(&self.path, &error))?);
        }
        let Some(open) = &mut self.open else { return Ok(Vec::new()) };
        let mut parts = Vec::with_capacity(ranges.len());
        for range in ranges {
            let part = open.read(range).map_err(|error| failed(&self.path, &error))?;
            self.scanned_bytes.add(part.len());
            parts.push(part);
        }
        Ok(parts)
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let read = self.read(&[range]).map(|parts| parts.into_iter().next().unwrap_or_default());
        ready(read).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        ready(self.read(&ranges)).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        self.engines.get_metadata(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("hirundo-read-{}", std::process::id()));
        std::fs::write(&path, b"0123456789").unwrap();
        let mut open = Open::new(&path).unwrap();
        assert_eq!(open.read(&(2..5)).unwrap(), "234");
        assert_eq!(open.read(&(0..10)).unwrap(), "0123456789");
        assert_eq!(open.read(&(10..10)).unwrap(), "");
        for (start, end) in [(0, 11), (11, 12), (5, 3), (0, u64::MAX)] {
            assert!(open.read(&Range { start, end }).is_err(), "{start} to {end}");
        }
        std::fs::write(&path, b"012").unwrap();
        assert!(open.read(&(2..5)).is_err(), "a file cut short meanwhile");
        std::fs::remove_file(&path).unwrap();
    }
}
