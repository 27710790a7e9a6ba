//! The limits of an ingest: one writer at a time, a lake that may not be written, a full disk, and memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{DAY_US, Lake, Place, at, check_rows, counts, flood, minutes, pcap, run, settle, text};

/// Waits until a process has the file open.
fn wait_for(child: &Child, file: &Path) {
    let folder = format!("/proc/{}/fd", child.id());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        let mut entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        if entries.any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} was not opened", file.display());
}

#[test]
fn one_writes_and_others_read() {
    let place = Place::new();
    let lake = place.lake();
    let capture = place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 10));
    lake.ingest(&[&capture]).expect(0);
    let mut first = lake
        .command(&["ingest", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&first, &fs::canonicalize(lake.0.join("_hirundo/ingest.lock")).unwrap());
    // The lock is taken right after the file is opened.
    std::thread::sleep(Duration::from_millis(100));
    lake.ingest(&[&capture])
        .expect(2)
        .says(&["is being written by another process", "\nhint: "]);
    check_rows(&lake, 10);
    let bytes = pcap(&minutes("2022-04-02T00:00:00", 5));
    first.stdin.take().unwrap().write_all(&bytes).unwrap();
    let report = support::Ran::from(first.wait_with_output().unwrap()).expect(0);
    assert_eq!(counts(&report.json()), (5, 0, 0));
    lake.ingest(&[&capture]).expect(0);
    check_rows(&lake, 15);
}

/// The lake and everything in it without the right to write, or with it again.
fn set_writable(folder: &Path, writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |folder: bool| {
        if writable {
            0o755
        } else if folder {
            0o555
        } else {
            0o444
        }
    };
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            set_writable(&entry.path(), writable);
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode(false))).unwrap();
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode(true))).unwrap();
}

#[test]
fn a_lake_that_may_only_be_read_can_be_asked() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    let lake = place.lake();
    let capture = place.capture("a.pcap", &minutes("2022-04-01T00:00:00", 10));
    lake.ingest(&[&capture]).expect(0);
    fs::set_permissions(place.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    // Root may write anything, so then the program runs as another user, who must be able to reach it.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let program = place.path("hirundo");
    fs::hard_link(env!("CARGO_BIN_EXE_hirundo"), &program)
        .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_hirundo"), &program).map(drop))
        .unwrap();
    let command = |args: &[&str]| {
        let mut command = settle(Command::new(&program), args);
        command.arg("--lake").arg(&lake.0).current_dir("/");
        if is_root {
            command.uid(65_534).gid(65_534);
        }
        command
    };
    for with_read_lock in [true, false] {
        set_writable(&lake.0, true);
        if !with_read_lock {
            fs::remove_file(lake.0.join("_hirundo/read.lock"))
                .or_else(|error| {
                    if error.kind() == std::io::ErrorKind::NotFound {
                        Ok(())
                    } else {
                        Err(error)
                    }
                })
                .unwrap();
        } else {
            check_rows(&lake, 10);
        }
        set_writable(&lake.0, false);
        let answer = run(&mut command(&["query", "--format", "csv", "SELECT count(*) AS n FROM packets"]));
        let refused = run(&mut command(&["ingest", text(&capture)]));
        set_writable(&lake.0, true);
        assert_eq!(answer.expect(0).stdout, "n\r\n10\r\n");
        refused.expect(2).says(&["error: could not", "ermission denied"]);
    }
    check_rows(&lake, 10);
}

#[test]
fn a_full_disk_is_said_and_the_next_ingest_completes_the_lake() {
    let place = Place::new();
    let capture = place.path("big.pcap");
    flood(&capture, 1, 200_000, at("2022-04-01T00:00:00"), DAY_US);
    // No file may grow beyond 1 MiB (2048 blocks of 512 bytes): the file of the packets does.
    let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"";
    let lake = place.lake();
    let mut command = settle(
        Command::new("sh"),
        ["-c", limited, env!("CARGO_BIN_EXE_hirundo"), "ingest", "--lake"],
    );
    command.arg(&lake.0).arg(&capture);
    run(&mut command).expect(2).says(&["error: could not write ", "too large"]);
    check_completed(&lake, &capture);
    // The same with a disk that is really full, where a small one may be mounted.
    let script = "mount -t tmpfs -o size=1m none \"$2\" || exit 99
        \"$0\" ingest --lake \"$2/lake\" \"$1\"; full=$?
        mount -o remount,size=200m none \"$2\" || exit 98
        \"$0\" ingest --format csv --lake \"$2/lake\" \"$1\" && \"$0\" query --format csv --lake \"$2/lake\" 'SELECT count(*) FROM packets'
        find \"$2/lake\" -name '*.partial'
        exit $full";
    let disk = place.path("disk");
    fs::create_dir(&disk).unwrap();
    let mut command = settle(
        Command::new("unshare"),
        [
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            env!("CARGO_BIN_EXE_hirundo"),
        ],
    );
    command.arg(&capture).arg(&disk);
    if let Ok(output) = command.output() {
        let ran = support::Ran::from(output);
        if ran.status != Some(99) && !ran.stderr.contains("unshare") {
            let ran = ran.expect(2).says(&["error: could not write ", "o space left"]);
            assert_eq!(
                ran.stdout,
                "captures,frames,packets,known,damaged\n1,200000,200000,0,0\ncount(*)\r\n200000\r\n"
            );
        }
    }
}

/// After a failed ingest: nothing of it counts, the next one is as good as the first would have been.
fn check_completed(lake: &Lake, capture: &Path) {
    assert_eq!(
        lake.number("SELECT count(*) FROM packets"),
        0,
        "a batch without a record is not read"
    );
    let report = lake.ingest(&[capture]).expect(0).json();
    assert_eq!(counts(&report), (200_000, 0, 0));
    check_rows(lake, 200_000);
    let place = Place::new();
    let fresh = place.lake();
    fresh.ingest(&[capture]).expect(0);
    assert!(fresh.files() == lake.files());
}

/// Most memory a process ever held, KiB.
fn peak_kib(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line
            .and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok())
            .unwrap_or(0)
            .max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn memory_is_bounded() {
    let place = Place::new();
    let lake = place.lake();
    let capture = place.path("big.pcap");
    flood(&capture, 2, 3_000_000, at("2022-04-01T00:00:00"), 3 * DAY_US);
    let child = lake
        .command(&["ingest", "--threads", "2", text(&capture)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let peak = peak_kib(child);
    assert!(peak > 50_000, "{peak} KiB cannot be");
    assert!(peak < 1 << 20, "{} MiB", peak >> 10);
    println!("peak memory {} MiB", peak >> 10);
    check_rows(&lake, 3_000_000);
    // Reading it all again, where everything is known, takes no more.
    let child = lake
        .command(&["ingest", "--threads", "2", text(&capture)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let again = peak_kib(child);
    assert!(again < 1 << 20, "{} MiB", again >> 10);
}
