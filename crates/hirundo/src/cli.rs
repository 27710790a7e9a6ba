//! The command line: every command, its options and their help.

pub mod centre;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::period::Lang;
use crate::view::Format;

/// Internet fixed-point observation: captures in; rankings, trends and SQL out.
#[derive(Debug, Parser)]
#[command(
    name = "hirundo",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  hirundo ingest captures/                     read a folder of captures into the lake ./lake
  hirundo top ports --period 2022Q2            destination ports of a quarter, with their rank in the one before
  hirundo trend ports --period 2022Q2          packets a day of the five busiest ports, with 7-day mean
  hirundo query 'SELECT ip(src), count(*) FROM packets GROUP BY 1 ORDER BY 2 DESC LIMIT 10'

Exit status: 0 done, 1 the answer is no or something had to be left out (a warning says what), 2 failed."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The lake: a folder, or s3://bucket/prefix in an object store (reached as the AWS_* variables say)
    #[arg(long, global = true, env = "HIRUNDO_LAKE", default_value = "lake", value_name = "DIR|URL")]
    pub lake: String,
    /// How to print: a table for people, JSON or CSV for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Language of names and titles: en, ja; `report` takes several (ja,en)
    #[arg(
        long = "lang",
        global = true,
        value_enum,
        env = "HIRUNDO_LANG",
        value_delimiter = ',',
        value_name = "LANG"
    )]
    pub langs: Vec<Lang>,
    /// Threads; 0 means one for each core
    #[arg(long, global = true, default_value_t = 0, value_name = "N", value_parser = threads)]
    pub threads: usize,
    /// No progress bars and no closing words
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more (-v, -vv)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// The language asked for; English when none is.
    pub fn lang(&self) -> Lang {
        self.langs.first().copied().unwrap_or_default()
    }
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read captures into the lake
    ///
    /// pcap and pcapng, compressed or not, told by content. The same capture twice changes nothing. A
    /// damaged file gives the packets before the damage, a warning, and exit status 1.
    Ingest(Ingest),
    /// Rank ports, regions, sources, tools or networks of a period
    Top(Top),
    /// Follow ports, regions or tools day by day, with 7-day mean, as a plot or numbers
    Trend(Trend),
    /// Write the report of a quarter, a month or a day: web page, PDF, Markdown, and the data behind it
    ///
    /// Everything goes to DIR/PERIOD. The analyst's words are read from DIR/commentary/PERIOD.LANG.md and
    /// DIR/annotations.toml; `report init PERIOD` writes skeletons of them, `report check PERIOD` says what is
    /// missing or no longer agrees with the data.
    Report(Report),
    /// Ask anything in SQL
    ///
    /// Tables: packets, hourly, daily, sources, sensors (`hirundo docs tables` describes their columns).
    /// Functions for addresses: ip(src) shows, ip_parse('192.0.2.1') reads, in_network(src, '192.0.2.0/24').
    Query(Query),
    /// Take packets away: Parquet, CSV, or FlowTuple CSV
    Export(Export),
    /// Look after the lake: compact, verify, stats, retain
    #[command(subcommand)]
    Lake(LakeCommand),
    /// Make simulated captures with a known truth
    Simulate(Simulate),
    /// Make a centre for sensors, or show what it is
    Centre(centre::Centre),
    /// Add, show and revoke sensors
    Sensor(centre::Sensor),
    /// Watch how the sensors are
    ///
    /// On a terminal the table stays and is kept current (Ctrl-C ends it); elsewhere it is printed once.
    Sensors(centre::Sensors),
    /// Take what sensors send into the lake
    ///
    /// Any number of collectors may run over one lake and one centre. Nothing is acknowledged before it is durable;
    /// SIGTERM stores what waits and ends.
    Collect(centre::Collect),
    /// Look at batches that were refused or held, release or delete them
    Quarantine(centre::Quarantine),
    /// Say what is known of a port: vulnerabilities, malware
    ///
    /// Out of the program's own table of ports and the catalogue that --known names. Needs no lake.
    Known(KnownOf),
    /// Print reference pages: tables, functions, marks, databases
    Docs {
        /// Which page
        #[arg(value_enum)]
        page: Page,
    },
}

/// Options of `ingest`.
#[derive(Debug, Args)]
pub struct Ingest {
    /// Captures, folders of them, quoted patterns, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Name of the sensor; without it, the first sub-folder below a given folder is the name, else `local`
    #[arg(long)]
    pub sensor: Option<String>,
    /// What the sensors are (name, group, region, addresses); `sensors.toml` in a given folder is read by itself
    #[arg(long, value_name = "FILE")]
    pub sensors: Option<PathBuf>,
    /// First bytes of TCP and UDP payloads to keep (0 to 255)
    #[arg(long, default_value_t = hirundo_lake::segment::PAYLOAD_BYTES_DEFAULT, value_name = "BYTES")]
    pub payload: u8,
    /// Further marks of tools: a rule file (see `hirundo docs marks`)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Where sources are.
    #[command(flatten)]
    pub geo: Geo,
}

/// Which databases say where sources are.
#[derive(Debug, Args)]
pub struct Geo {
    /// Region and AS databases (.mmdb), files or folders; FILE@2022-04-01 gives the date it is valid from
    #[arg(long = "geo", env = "HIRUNDO_GEO", value_name = "FILE[@DATE]", value_delimiter = ',')]
    pub databases: Vec<String>,
    /// Lists of known research scanners (ipset, MISP warning list, maltrail), files or folders
    #[arg(long = "scanners", value_name = "PATH")]
    pub scanners: Vec<PathBuf>,
}

/// Which packets count.
#[derive(Debug, Args)]
pub struct Only {
    /// Only these sensors
    #[arg(long, value_name = "NAME")]
    pub sensor: Vec<String>,
    /// Only sources in these regions (JP, US, …)
    #[arg(long, value_name = "CODE")]
    pub region: Vec<String>,
    /// Only these destination ports: 23/tcp, 53/udp, icmp
    #[arg(long, value_name = "PORT")]
    pub port: Vec<String>,
    /// Only sources of these tools (mirai, …; none)
    #[arg(long, value_name = "NAME")]
    pub tool: Vec<String>,
    /// Only packets that bear these marks (mirai, …; none)
    #[arg(long, value_name = "NAME")]
    pub mark: Vec<String>,
    /// Only these kinds: scan, backscatter, probe, misconfiguration, other
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Only sources of these autonomous systems (AS64496)
    #[arg(long, value_name = "AS")]
    pub network: Vec<String>,
    /// Only sources in these networks (192.0.2.0/24) or these addresses
    #[arg(long, value_name = "CIDR")]
    pub source: Vec<String>,
    /// Only known research scanners of these organisations (none: leave all of them out)
    #[arg(long, value_name = "NAME")]
    pub scanner: Vec<String>,
}

/// What is ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Destination ports; ICMP is one row
    Ports,
    /// Regions of the sources
    Regions,
    /// Source addresses
    Sources,
    /// Tools of the sources
    Tools,
    /// Autonomous systems of the sources
    Networks,
    /// Kinds of packets
    Kinds,
    /// Sensors
    Sensors,
    /// Organisations of known research scanners
    Scanners,
    /// Everything together (trend only)
    All,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Packets
    Packets,
    /// Bytes
    Bytes,
    /// Distinct source addresses over the whole period
    Sources,
    /// Distinct source addresses of each day, added up over the days
    CumulativeSources,
}

/// Options of `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// What to rank
    #[arg(value_enum)]
    pub what: What,
    /// 2022Q2, 2022-04, 2022-04-01..2022-06-30, 'last 7 days', all
    #[arg(long, short, default_value = "all")]
    pub period: String,
    /// Period to compare with; the one before by default
    #[arg(long, value_name = "PERIOD")]
    pub before: Option<String>,
    /// What to count
    #[arg(long, value_enum, default_value_t = By::Packets)]
    pub by: By,
    /// Rows; 0 shows all
    #[arg(long, short = 'n', default_value_t = 10)]
    pub limit: u32,
    /// Which packets count
    #[command(flatten)]
    pub only: Only,
}

/// Options of `trend`.
#[derive(Debug, Args)]
pub struct Trend {
    /// What to follow
    #[arg(value_enum, default_value_t = What::All)]
    pub what: What,
    /// 2022Q2, 2022-04, 2022-04-01..2022-06-30, 'last 7 days', all
    #[arg(long, short, default_value = "all")]
    pub period: String,
    /// What to count
    #[arg(long, value_enum, default_value_t = By::Packets)]
    pub by: By,
    /// How many series, the largest of the period
    #[arg(long, short = 'n', default_value_t = 5)]
    pub limit: u32,
    /// Divide by the sensor-days observed, so that outages do not look like falls
    #[arg(long)]
    pub per_sensor: bool,
    /// Write the figure to this SVG file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Print the numbers in the table too, not only the plot
    #[arg(long)]
    pub numbers: bool,
    /// Which packets count
    #[command(flatten)]
    pub only: Only,
}

/// Options of `report`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_precedence_over_arg = true)]
pub struct Report {
    /// What else than to write it.
    #[command(subcommand)]
    pub command: Option<ReportCommand>,
    /// Which report, and how.
    #[command(flatten)]
    pub options: ReportOptions,
}

/// Commands of `report`.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Write skeletons for the analyst's words, with what was found, the most surprising first
    Init {
        /// Which report.
        #[command(flatten)]
        about: ReportAbout,
        /// What it shows.
        #[command(flatten)]
        extent: ReportExtent,
        /// What is known of ports.
        #[command(flatten)]
        known: Knowing,
    },
    /// Say what is missing or no longer agrees with the data; exit status 1 when something is
    ///
    /// Looks at the languages that --lang names, both by default.
    Check(ReportAbout),
    /// Print all findings with their evidence (for programs: --format json)
    Findings {
        /// 2022Q2, 2022-04, 2022-06-26
        #[arg(default_value = "last quarter")]
        period: String,
        /// What is known of ports.
        #[command(flatten)]
        known: Knowing,
    },
    /// Make up a host investigation of the period's Mirai-type sources, for demonstrations
    Investigate {
        /// Which report.
        #[command(flatten)]
        about: ReportAbout,
        /// Seed; the same seed makes the same hosts
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// File to write; DIR/investigations/PERIOD/simulated.ndjson by default
        #[arg(long, short)]
        out: Option<PathBuf>,
    },
    /// Make up notifications about the period's Mirai-type sources from the home region, for demonstrations
    Notified {
        /// Which report.
        #[command(flatten)]
        about: ReportAbout,
        /// Home region, two capital letters (ISO 3166-1)
        #[arg(long, value_name = "REGION", env = "HIRUNDO_HOME", default_value = "JP")]
        home: String,
        /// Seed; the same seed notifies about the same sources
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// File to write, which must not be there yet; DIR/notified.csv by default
        #[arg(long, short)]
        out: Option<PathBuf>,
    },
}

/// Traffic Light Protocol, version 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tlp {
    /// For everybody: the publication rules must hold
    Clear,
    /// For the community
    Green,
    /// For the members and their clients
    Amber,
    /// For the members alone
    #[value(name = "amber+strict")]
    AmberStrict,
    /// For the recipients' eyes
    Red,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// A web page that stands alone
    Html,
    /// A PDF to print
    Pdf,
    /// Markdown with figures beside it
    Md,
    /// CSV and SQL of every table and figure
    Data,
}

/// Which report.
#[derive(Clone, Debug, Args)]
pub struct ReportAbout {
    /// 2022Q2, 2022-04, 2022-06-26
    #[arg(default_value = "last quarter")]
    pub period: String,
    /// Folder of reports and of the analyst's words
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub dir: PathBuf,
}

/// How much a report shows, and from where it is looked at.
#[derive(Clone, Debug, Args)]
pub struct ReportExtent {
    /// Rows of the tables of ports and regions
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub top: usize,
    /// The home region
    #[arg(long, env = "HIRUNDO_HOME", default_value = "JP", value_name = "CODE")]
    pub home: String,
}

/// Which report, and how.
#[derive(Clone, Debug, Args)]
pub struct ReportOptions {
    /// Which report.
    #[command(flatten)]
    pub about: ReportAbout,
    /// What it shows.
    #[command(flatten)]
    pub extent: ReportExtent,
    /// What to write
    #[arg(long = "as", value_enum, value_delimiter = ',', default_value = "html,pdf,md,data")]
    pub forms: Vec<ReportForm>,
    /// Who may read it; anything but a report for everybody may hold more
    #[arg(long, value_enum, default_value_t = Tlp::Clear)]
    pub tlp: Tlp,
    /// Who publishes it
    #[arg(long, env = "HIRUNDO_PUBLISHER", default_value = "", value_name = "NAME")]
    pub publisher: String,
    /// Day on which it is made; today by default
    #[arg(long, value_name = "DATE")]
    pub made: Option<String>,
    /// Fingerprints of devices (recog's folder of XML files), for host investigations in DIR/investigations/PERIOD
    #[arg(long, env = "HIRUNDO_RECOG", value_name = "DIR")]
    pub recog: Option<PathBuf>,
    /// Folder with the fonts for the PDF (setup/fonts.sh brings them)
    #[arg(long, env = "HIRUNDO_FONTS", value_name = "DIR")]
    pub fonts: Option<PathBuf>,
    /// What is known of ports.
    #[command(flatten)]
    pub known: Knowing,
}

/// Where it stands what is known of ports.
#[derive(Clone, Debug, Args)]
pub struct Knowing {
    /// CISA's known_exploited_vulnerabilities.json, tables of ports of your own (.toml), or folders of them
    #[arg(long = "known", env = "HIRUNDO_KNOWN", value_name = "PATH", value_delimiter = ',')]
    pub paths: Vec<PathBuf>,
}

/// Options of `known`.
#[derive(Clone, Debug, Args)]
pub struct KnownOf {
    /// The port: 8291/tcp, 161/udp
    pub port: String,
    /// First day of a rise, for how well each fits it: 2022-05-21
    #[arg(long, value_name = "DATE")]
    pub onset: Option<String>,
    /// What is known of ports.
    #[command(flatten)]
    pub known: Knowing,
}

/// Options of `query`.
#[derive(Debug, Args)]
pub struct Query {
    /// SQL; - reads it from standard input
    pub sql: String,
    /// Show the plan instead of the answer
    #[arg(long)]
    pub explain: bool,
    /// Run it and show what each step of the plan did
    #[arg(long)]
    pub analyze: bool,
    /// Rows of the table; 0 shows all (JSON and CSV always have all)
    #[arg(long, short = 'n', default_value_t = 1000)]
    pub limit: u32,
    /// Memory for sorting and grouping before it spills to disk, MiB
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    pub memory: usize,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportAs {
    /// Parquet, one file
    Parquet,
    /// CSV of all columns, addresses as text
    Csv,
    /// FlowTuple CSV in the layout of STARDUST, a row a minute and flow
    Flowtuple,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// What to write
    #[arg(long = "as", value_enum, default_value_t = ExportAs::Parquet)]
    pub written_as: ExportAs,
    /// File to write; - is standard output
    #[arg(long, short, default_value = "-")]
    pub out: PathBuf,
    /// Period
    #[arg(long, short, default_value = "all")]
    pub period: String,
    /// Table
    #[arg(long, default_value = "packets")]
    pub table: String,
    /// Leave the destination addresses in: they show where the sensors are
    #[arg(long)]
    pub with_destinations: bool,
    /// Which packets count
    #[command(flatten)]
    pub only: Only,
}

/// Commands of `lake`.
#[derive(Debug, Subcommand)]
pub enum LakeCommand {
    /// Merge the files of each closed day into sorted ones: smaller, faster, tools judged over the whole day
    Compact {
        /// Days to compact
        #[arg(long, short, default_value = "all")]
        period: String,
        /// Days that are compact already, and today, too
        #[arg(long)]
        force: bool,
        /// Further marks of tools: the rule file used for ingesting
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
    },
    /// Check every file, every record and every sum; exit status 1 when something is wrong
    Verify {
        /// Delete what an ingest that was cut short left behind
        #[arg(long)]
        repair: bool,
    },
    /// Size of everything: days, files, rows, bytes
    Stats,
    /// Delete what is older than a number of days
    Retain {
        /// Days of packets to keep
        #[arg(long, value_name = "DAYS")]
        packets: Option<u32>,
        /// Days of hourly counts to keep
        #[arg(long, value_name = "DAYS")]
        hourly: Option<u32>,
        /// Days of sources to keep
        #[arg(long, value_name = "DAYS")]
        sources: Option<u32>,
        /// Count back from this day instead of today
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// Only say what would be deleted
        #[arg(long)]
        dry_run: bool,
    },
}

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// A scenario: a name of one that comes with the program (see --list), or a file
    pub scenario: Option<String>,
    /// Folder for the captures and truth.json
    #[arg(long, short, default_value = "simulated")]
    pub out: PathBuf,
    /// Seed; the same seed makes the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// List the scenarios that come with the program
    #[arg(long)]
    pub list: bool,
    /// Instead of a scenario, one large capture for benchmarks with this many packets (`--out` is the file)
    #[arg(long, value_name = "PACKETS")]
    pub benchmark: Option<u64>,
    /// Days that the benchmark capture spans; 0 is one hour
    #[arg(long, default_value_t = 0, value_name = "DAYS")]
    pub benchmark_days: u32,
}

/// Reference pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// Tables and columns of the lake
    Tables,
    /// SQL functions
    Functions,
    /// Marks of tools
    Marks,
    /// What decoding can count as unreadable
    Reasons,
}

/// Most threads that can be asked for; each holds up to about 250 MB.
const THREADS_MAX: usize = 256;

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads) if threads <= THREADS_MAX => Ok(threads),
        Ok(_) | Err(_) => Err(format!("give 0 to {THREADS_MAX}")),
    }
}
