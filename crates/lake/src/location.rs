//! Where a lake is: a folder, or a bucket of an object store.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where a lake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder on a disk of this machine.
    Folder(PathBuf),
    /// A prefix in a bucket of an S3-compatible object store.
    Bucket {
        /// Name of the bucket.
        bucket: String,
        /// What names in it begin with, without `/` at either end; may be empty.
        prefix: String,
    },
}

impl Location {
    /// Of what a person writes: a folder, `file:///folder`, or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// [`Error::NotALocation`] for other schemes, and where there is no bucket.
    pub fn parse(text: &str) -> Result<Location> {
        let refused = |reason: &'static str| Error::NotALocation {
            // What a URL may hold before an `@` is a secret.
            text: text.rsplit('@').next().unwrap_or_default().to_owned(),
            reason,
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Location::Folder(PathBuf::from(text)));
        };
        match scheme {
            "file" => Ok(Location::Folder(PathBuf::from(rest))),
            "s3" if rest.contains(['@', '?', '#']) => Err(refused(
                "a URL holds a bucket and a prefix and nothing else; hint: who may read it is said by AWS_ACCESS_KEY_ID and its like",
            )),
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let prefix = prefix.trim_matches('/');
                if bucket.is_empty() {
                    return Err(refused("it names no bucket; hint: write s3://bucket/prefix"));
                }
                if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
                    return Err(refused("its prefix has empty parts or dots; hint: write s3://bucket/prefix"));
                }
                Ok(Location::Bucket {
                    bucket: bucket.to_owned(),
                    prefix: prefix.to_owned(),
                })
            }
            _ => Err(refused(
                "its scheme is not supported; hint: give a folder, a file:// URL or s3://bucket/prefix",
            )),
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::Folder(path) => write!(formatter, "{}", path.display()),
            Location::Bucket { bucket, prefix } if prefix.is_empty() => write!(formatter, "s3://{bucket}"),
            Location::Bucket { bucket, prefix } => write!(formatter, "s3://{bucket}/{prefix}"),
        }
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Location {
        location.clone()
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Location {
        Location::Folder(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Location {
        Location::Folder(path.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(
            Location::parse(text).ok().map(|location| location.to_string()).as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn folders_and_buckets() {
        check("lake", Some("lake"));
        check("/a/b", Some("/a/b"));
        check("file:///a/b", Some("/a/b"));
        check("s3://b", Some("s3://b"));
        check("s3://b/", Some("s3://b"));
        check("s3://b/p/q/", Some("s3://b/p/q"));
        check("s3://", None);
        check("s3:///p", None);
        check("s3://b/p//q", None);
        check("s3://b/../q", None);
        check("s3://b/p?x=y", None);
        check("gs://b/p", None);
    }

    #[test]
    fn secrets_are_not_repeated() {
        let error = Location::parse("s3://KEY:SECRET@b/p").expect_err("no location");
        assert!(
            !error.to_string().contains("SECRET") && error.to_string().contains("b/p"),
            "{error}"
        );
    }
}
