//! Rows of the table `sensors` read back and united by hour and sensor.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{TimestampMicrosecondType, UInt16Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::{Error, Result, parquet};
use crate::segment::{Seen, Segment};

/// Adds a file's rows to `united`, numbering sensors in `segment`.
pub(crate) fn unite(path: &Path, file: File, segment: &mut Segment, united: &mut BTreeMap<(i64, u16), Seen>) -> Result<()> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(parquet("read"))?;
    for batch in reader {
        let batch = batch.map_err(|source| Error::Arrow {
            action: "read the table of sensors",
            source,
        })?;
        let damaged = || Error::Damaged {
            path: path.to_owned(),
            reason: "its columns are not those of the table sensors".to_owned(),
        };
        let column = |name: &str| batch.column_by_name(name).ok_or_else(damaged);
        let hour = column("hour")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(damaged)?;
        let sensor = column("sensor")?.as_string_opt::<i32>().ok_or_else(damaged)?;
        let slots = column("up_slots")?.as_primitive_opt::<UInt16Type>().ok_or_else(damaged)?;
        let count = |name: &str| -> Result<_> { column(name)?.as_primitive_opt::<UInt64Type>().ok_or_else(damaged) };
        let (seen, kept, unreadable) = (count("seen")?, count("kept")?, count("unreadable")?);
        let (kernel, spool, skew) = (count("dropped_kernel")?, count("dropped_spool")?, count("clock_skew_us")?);
        // Files of earlier versions do not have it.
        let missed = batch.column_by_name("missed").map(|_| count("missed")).transpose()?;
        for row in 0..batch.num_rows() {
            let known = |column: &PrimitiveArray<UInt64Type>| column.is_valid(row).then(|| column.value(row));
            let entry = united.entry((hour.value(row), segment.sensor(sensor.value(row)))).or_default();
            entry.unite(Seen {
                up_slots: slots.value(row),
                seen: seen.value(row),
                kept: kept.value(row),
                unreadable: unreadable.value(row),
                dropped_kernel: known(kernel),
                dropped_spool: known(spool),
                clock_skew_us: known(skew),
                missed: missed.and_then(known),
            });
        }
    }
    Ok(())
}
