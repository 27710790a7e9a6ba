//! The way through an HTTP proxy: `CONNECT`, then the bytes are ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::centre::{Centre, authority};
use super::settings::Proxy;
use super::trouble::{Trouble, clean};

/// Most bytes of a proxy's answer.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Asks the proxy at the other end of `stream` for a way to `centre`.
pub(super) async fn connect(stream: &mut TcpStream, proxy: &Proxy, password: Option<&str>, centre: &Centre) -> Result<(), Trouble> {
    let failed = |reason: String, hint: Option<&'static str>| Trouble::Proxy {
        proxy: authority(&proxy.host, proxy.port),
        centre: centre.authority(),
        reason,
        hint,
    };
    let answer = async {
        stream.write_all(request(proxy, password, centre).as_bytes()).await?;
        read_head(stream).await
    }
    .await
    .map_err(|error| failed(error.to_string(), None))?;
    let line = answer.lines().next().unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|status| status.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(407) => Err(failed(
            clean(line),
            Some("it wants a user and password: uplink.proxy = \"http://user@host:port\" and uplink.proxy_password_file"),
        )),
        Some(403) => Err(failed(clean(line), Some("it must allow CONNECT to this host and port"))),
        Some(_) => Err(failed(clean(line), None)),
        None => Err(failed(format!("it answered {:?}", clean(line)), Some("is it an HTTP proxy"))),
    }
}

fn request(proxy: &Proxy, password: Option<&str>, centre: &Centre) -> String {
    let target = centre.authority();
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(user) = proxy.user() {
        let credentials = STANDARD.encode(format!("{user}:{}", password.unwrap_or_default()));
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&credentials);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Reads up to the empty line and not a byte further: what follows belongs to TLS.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= ANSWER_BYTES_MAX {
            return Err(std::io::Error::other("its answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
