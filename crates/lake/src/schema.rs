//! The tables of the lake and their columns: names, types and meaning stand here and nowhere else.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::basic::{LogicalType, Repetition, TimeUnit as ParquetTimeUnit, Type as Physical};
use parquet::schema::types::{Type, TypePtr};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Instant in UTC, microseconds since 1970.
    Time,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer; IPv4 addresses are such.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// UTF-8 text.
    Text,
    /// Sixteen bytes in network order: an IPv6 address.
    Address6,
    /// Any bytes.
    Bytes,
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name in SQL, code and docs.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
    /// Meaning, with its unit.
    pub meaning: &'static str,
}

/// One table: a folder of Parquet files, a sub-folder a day (`day=2022-04-01`).
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Name in SQL and of its folder.
    pub name: &'static str,
    /// What one row is.
    pub row: &'static str,
    /// Columns in order; `day` (DATE), the partition, comes after them.
    pub columns: &'static [Column],
}

/// Name of the partition column that every table has: the day in UTC, type DATE.
pub const DAY: &str = "day";

const fn column(name: &'static str, kind: ColumnType, nullable: bool, meaning: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable,
        meaning,
    }
}

use ColumnType::{Address6, Bytes, Text, Time, U8, U16, U32, U64};

/// Ground truth: one row is one packet.
pub const PACKETS: Table = Table {
    name: "packets",
    row: "one packet",
    columns: &[
        column("time", Time, false, "when the sensor received it, UTC, to the microsecond"),
        column("sensor", Text, false, "name of the sensor"),
        column(
            "src",
            U32,
            true,
            "source address, IPv4 as an integer (`ip(src)` shows it); null for IPv6",
        ),
        column("dst", U32, true, "destination address, IPv4 as an integer; null for IPv6"),
        column(
            "src6",
            Address6,
            true,
            "source address, IPv6 as 16 bytes (`ip(src6)` shows it); null for IPv4",
        ),
        column("dst6", Address6, true, "destination address, IPv6 as 16 bytes; null for IPv4"),
        column(
            "proto",
            U8,
            false,
            "IP protocol number of the transport header (6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6)",
        ),
        column("src_port", U16, true, "source port; TCP and UDP"),
        column("dst_port", U16, true, "destination port; TCP and UDP"),
        column("icmp_type", U8, true, "ICMP or ICMPv6 type"),
        column("icmp_code", U8, true, "ICMP or ICMPv6 code"),
        column(
            "tcp_flags",
            U16,
            true,
            "TCP flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, NS 256",
        ),
        column(
            "tcp_seq",
            U32,
            true,
            "TCP sequence number; null where the sensor hides its addresses",
        ),
        column("tcp_window", U16, true, "TCP window as sent, not scaled"),
        column(
            "tcp_options",
            Text,
            true,
            "TCP options in order, such as `M1460,N,W8,N,N,S`; null without options",
        ),
        column("ip_id", U16, true, "IP identification"),
        column("ttl", U8, false, "time to live or hop limit as received"),
        column("ip_len", U32, false, "length of the whole IP packet in bytes, as its header says"),
        column(
            "region",
            Text,
            false,
            "region of the source on that day, ISO 3166-1 alpha-2; `ZZ` unknown; reserved space by its name",
        ),
        column("asn", U32, true, "autonomous system of the source on that day; null unknown"),
        column(
            "mark",
            Text,
            true,
            "tool whose mark this one packet bears; 16-bit marks hit by chance once in 65,536 packets",
        ),
        column("tool", Text, true, "tool of the source, by the rule for several packets"),
        column("kind", Text, false, "scan, backscatter, probe, misconfiguration or other"),
        column("probe", Text, true, "service that a UDP payload asks for"),
        column("scanner", Text, true, "organisation, when the source is a known research scanner"),
        column("victim", U32, true, "destination of the packet that an ICMP error quotes, IPv4"),
        column("victim6", Address6, true, "destination of the packet that an ICMPv6 error quotes"),
        column("payload", Bytes, true, "first bytes of the TCP or UDP payload, where there are any"),
    ],
};

/// Packets and bytes by hour and everything a ranking or trend asks for.
pub const HOURLY: Table = Table {
    name: "hourly",
    row: "one (hour, sensor, proto, dst_port, region, tool, mark, kind)",
    columns: &[
        column("hour", Time, false, "begin of the hour, UTC"),
        column("sensor", Text, false, "name of the sensor"),
        column("proto", U8, false, "IP protocol number"),
        column(
            "dst_port",
            U16,
            true,
            "destination port; null where there is none (ICMP and others)",
        ),
        column("region", Text, false, "region of the sources"),
        column("tool", Text, true, "tool of the sources"),
        column("mark", Text, true, "tool whose mark the packets bear"),
        column("kind", Text, false, "kind of the packets"),
        column("packets", U64, false, "number of packets"),
        column("bytes", U64, false, "sum of their IP lengths, bytes"),
    ],
};

/// The same by day: what a quarter's rankings and trends read.
pub const DAILY: Table = Table {
    name: "daily",
    row: "one (day, sensor, proto, dst_port, region, tool, mark, kind)",
    columns: &[
        column("sensor", Text, false, "name of the sensor"),
        column("proto", U8, false, "IP protocol number"),
        column(
            "dst_port",
            U16,
            true,
            "destination port; null where there is none (ICMP and others)",
        ),
        column("region", Text, false, "region of the sources"),
        column("tool", Text, true, "tool of the sources"),
        column("mark", Text, true, "tool whose mark the packets bear"),
        column("kind", Text, false, "kind of the packets"),
        column("packets", U64, false, "number of packets"),
        column("bytes", U64, false, "sum of their IP lengths, bytes"),
    ],
};

/// The same by day and port alone: a quarter's ranking of ports reads nothing else.
pub const PORTS: Table = Table {
    name: "ports",
    row: "one (day, sensor, proto, dst_port)",
    columns: &[
        column("sensor", Text, false, "name of the sensor"),
        column("proto", U8, false, "IP protocol number"),
        column(
            "dst_port",
            U16,
            true,
            "destination port; null where there is none (ICMP and others)",
        ),
        column("packets", U64, false, "number of packets"),
        column("bytes", U64, false, "sum of their IP lengths, bytes"),
        column(
            "hosts",
            U64,
            false,
            "distinct sources of the row; exact once the day is compacted, before that the sum over the arriving files",
        ),
    ],
};

/// Who sent: one row a source, day and sensor.
pub const SOURCES: Table = Table {
    name: "sources",
    row: "one (day, sensor, source address, tool, kind)",
    columns: &[
        column("sensor", Text, false, "name of the sensor"),
        column("src", U32, true, "source address, IPv4; null for IPv6"),
        column("src6", Address6, true, "source address, IPv6; null for IPv4"),
        column("tool", Text, true, "tool of the source, by the rule for several packets"),
        column("kind", Text, false, "kind of the packets counted in this row"),
        column("region", Text, false, "region of the source on that day"),
        column("asn", U32, true, "autonomous system of the source on that day; null unknown"),
        column("scanner", Text, true, "organisation, when the source is a known research scanner"),
        column("packets", U64, false, "number of packets"),
        column("bytes", U64, false, "sum of their IP lengths, bytes"),
        column("syns", U64, false, "of them TCP SYN without ACK"),
        column(
            "ports",
            U32,
            false,
            "distinct (protocol, destination port); exact once the day is compacted, before that for each arriving file alone",
        ),
        column("first", Time, false, "first packet of the row"),
        column("last", Time, false, "last packet of the row"),
        column(
            "host",
            U8,
            false,
            "1 in one row of each source, else 0: the sum counts distinct sources a day (\"cumulative sources\"); exact once the day is compacted, before that within each arriving file",
        ),
        column(
            "sensor_host",
            U8,
            false,
            "1 in one row of each source and sensor, else 0: the sum counts distinct sources a day at each sensor; exact as `host` is",
        ),
    ],
};

/// What each sensor saw, so that a quiet sensor is not taken for a quiet Internet.
pub const SENSORS: Table = Table {
    name: "sensors",
    row: "one (hour, sensor) and arriving file; add up the counts, unite the slots",
    columns: &[
        column("hour", Time, false, "begin of the hour, UTC"),
        column("sensor", Text, false, "name of the sensor"),
        column(
            "up_slots",
            U16,
            false,
            "bit n: up in the n-th five minutes of the hour, because the sensor says so or, in captures, something was seen in them or within the hour around them in the same capture; unite with bit_or, `slot_secs` gives seconds",
        ),
        column("seen", U64, false, "frames read"),
        column("kept", U64, false, "of them packets stored"),
        column("unreadable", U64, false, "of them without a readable IP header, so not stored"),
        column("dropped_kernel", U64, true, "frames the sensor's kernel dropped, where known"),
        column("dropped_spool", U64, true, "packets the sensor's spool had to drop, where known"),
        column(
            "clock_skew_us",
            U64,
            true,
            "sensor clock less centre clock, the greatest absolute, microseconds, where known",
        ),
        column(
            "missed",
            U64,
            true,
            "frames the interface received while the sensor was not running, at most, where known",
        ),
    ],
};

/// Every table.
pub const TABLES: [&Table; 6] = [&PACKETS, &HOURLY, &DAILY, &PORTS, &SOURCES, &SENSORS];

impl Column {
    fn arrow(&self) -> Field {
        let kind = match self.kind {
            Time => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            U8 => DataType::UInt8,
            U16 => DataType::UInt16,
            U32 => DataType::UInt32,
            U64 => DataType::UInt64,
            Text => DataType::Utf8,
            Address6 => DataType::FixedSizeBinary(16),
            Bytes => DataType::Binary,
        };
        Field::new(self.name, kind, self.nullable)
    }

    fn parquet(&self) -> Result<TypePtr, parquet::errors::ParquetError> {
        let integer = |bit_width| Some(LogicalType::integer(bit_width, false));
        let (physical, logical, length) = match self.kind {
            Time => (Physical::INT64, Some(LogicalType::timestamp(true, ParquetTimeUnit::MICROS)), -1),
            U8 => (Physical::INT32, integer(8), -1),
            U16 => (Physical::INT32, integer(16), -1),
            U32 => (Physical::INT32, integer(32), -1),
            U64 => (Physical::INT64, integer(64), -1),
            Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), -1),
            Address6 => (Physical::FIXED_LEN_BYTE_ARRAY, None, 16),
            Bytes => (Physical::BYTE_ARRAY, None, -1),
        };
        let repetition = if self.nullable {
            Repetition::OPTIONAL
        } else {
            Repetition::REQUIRED
        };
        Type::primitive_type_builder(self.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .with_length(length)
            .build()
            .map(Arc::new)
    }
}

impl Table {
    /// The Arrow schema of the files, without the partition.
    #[must_use]
    pub fn arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(Column::arrow).collect::<Vec<_>>()))
    }

    /// The Parquet schema of the files.
    ///
    /// # Errors
    /// When the definition above contradicts itself, which a test rules out.
    pub fn parquet(&self) -> Result<TypePtr, parquet::errors::ParquetError> {
        let fields = self.columns.iter().map(Column::parquet).collect::<Result<Vec<_>, _>>()?;
        Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
    }

    /// The table of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Table> {
        TABLES.into_iter().find(|table| table.name == name)
    }
}

/// The reference of all tables as Markdown, generated so that it cannot drift.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# Tables of the lake\n\nGenerated from `crates/lake/src/schema.rs`. Every table is a folder of Parquet files, \
         a sub-folder a day: `TABLE/day=2022-04-01/*.parquet`; `day` (DATE, UTC) is a column of each.\n",
    );
    for table in TABLES {
        text.push_str(&format!(
            "\n## {}\n\nOne row is {}.\n\n| column | type | null | meaning |\n|---|---|---|---|\n",
            table.name, table.row
        ));
        for column in table.columns {
            let null = if column.nullable { "yes" } else { "" };
            text.push_str(&format!(
                "| `{}` | {} | {null} | {} |\n",
                column.name,
                type_name(column.kind),
                column.meaning
            ));
        }
    }
    text
}

const fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        Time => "TIMESTAMP (µs, UTC)",
        U8 => "UINT8",
        U16 => "UINT16",
        U32 => "UINT32",
        U64 => "UINT64",
        Text => "TEXT",
        Address6 => "BYTES(16)",
        Bytes => "BYTES",
    }
}
