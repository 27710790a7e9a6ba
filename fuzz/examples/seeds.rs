//! Makes inputs for the target `decode` out of captures: seeds FOLDER_OF_CAPTURES FOLDER_OF_INPUTS.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use hirundo_fuzz::record;
use hirundo_packet::capture::Capture;

/// Frames taken from a capture.
const FRAMES_MAX: usize = 48;
/// Frames of an input; the first ones are an input each as well.
const FRAMES_TOGETHER: usize = 8;
/// Longest frame taken.
const FRAME_BYTES_MAX: usize = 2048;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(captures), Some(inputs)) = (arguments.next(), arguments.next()) else {
        return Err("two folders are needed: of captures, and of the inputs to make".into());
    };
    fs::create_dir_all(&inputs)?;
    let mut names: Vec<_> = fs::read_dir(captures)?.collect::<Result<_, _>>()?;
    names.sort_by_key(std::fs::DirEntry::file_name);
    for entry in names {
        let name = entry.file_name().to_string_lossy().into_owned();
        for (at, input) in inputs_of(&entry.path()).into_iter().enumerate() {
            fs::write(Path::new(&inputs).join(format!("{name}-{at:02}")), input)?;
        }
    }
    Ok(())
}

/// The inputs made of one file: none of one that is no capture.
fn inputs_of(path: &Path) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let Some(mut capture) = File::open(path).ok().and_then(|file| Capture::open(Box::new(file)).ok()) else {
        return records;
    };
    while let Ok(Some(frame)) = capture.next() {
        let data = frame.data.get(..FRAME_BYTES_MAX).unwrap_or(frame.data);
        records.extend(record(frame.link, data));
        if records.len() >= FRAMES_MAX {
            break;
        }
    }
    let together = records.chunks(FRAMES_TOGETHER).map(<[_]>::concat);
    let first = records.iter().take(FRAMES_TOGETHER).cloned();
    together.chain(first).collect()
}
