//! One connection to a centre: TCP (through a proxy where one is set), TLS, HTTP/2 that notices when it is dead.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::body::Upload;
use super::centre::{Centre, authority};
use super::settings::Settings;
use super::trouble::{Trouble, chain};
use super::{lock, proxy};

/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long one address may take to accept.
const ACCEPT_WAIT: Duration = Duration::from_secs(10);
/// How long the proxy may take: it connects further itself.
const PROXY_WAIT: Duration = Duration::from_secs(30);
/// How long TLS and the begin of HTTP/2 may take, each.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(30);
/// Bytes that wait in the kernel unsent: more would only delay the frames that ask whether the peer lives.
const UNSENT_BYTES_MAX: u32 = 128 << 10;
/// Reads of what a peer said before it hung up.
const READS_MAX: usize = 64;

/// Error of TLS that came after the handshake: TLS 1.3 tells a client only then that it is refused.
type Late = Arc<Mutex<Option<rustls::Error>>>;

/// A connection. Dropping it ends it at once.
pub(crate) struct Link {
    /// Where to.
    pub(crate) centre: Centre,
    /// Takes requests.
    pub(crate) sender: SendRequest<Upload>,
    /// Moves the bytes; ends with the connection.
    driver: JoinHandle<Result<(), hyper::Error>>,
    late: Late,
}

impl Link {
    /// Waits for the end of the connection and says why it ended.
    pub(crate) async fn ended(&mut self) -> Trouble {
        let reason = match (&mut self.driver).await {
            Ok(Ok(())) => "closed by the centre".to_owned(),
            Ok(Err(error)) => chain(&error),
            Err(error) => error.to_string(),
        };
        self.trouble(reason)
    }

    /// What to say of an error of this connection: TLS's own reason where there is one.
    pub(crate) fn trouble(&self, reason: String) -> Trouble {
        trouble(&self.late, &self.centre, reason)
    }

    /// What tells requests, which outlive a borrow of the connection, why it ended.
    pub(crate) fn reasons(&self) -> Reasons {
        Reasons {
            late: Arc::clone(&self.late),
            centre: self.centre.clone(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why requests on a connection fail.
#[derive(Clone)]
pub(crate) struct Reasons {
    late: Late,
    pub(crate) centre: Centre,
}

impl Reasons {
    pub(crate) fn trouble(&self, reason: String) -> Trouble {
        trouble(&self.late, &self.centre, reason)
    }
}

fn trouble(late: &Late, centre: &Centre, reason: String) -> Trouble {
    match lock(late).clone() {
        Some(error) => Trouble::Tls {
            centre: centre.authority(),
            source: io::Error::other(error),
        },
        None => Trouble::Lost {
            centre: centre.authority(),
            reason,
        },
    }
}

/// Connects to a centre.
pub(crate) async fn connect(settings: &Settings, centre: &Centre, tls: Arc<ClientConfig>) -> Result<Link, Trouble> {
    let tcp = dial(settings, centre).await?;
    let failed = |source: io::Error| Trouble::Tls {
        centre: centre.authority(),
        source,
    };
    let name = ServerName::try_from(centre.host.clone()).map_err(|_| Trouble::Address { text: centre.to_string() })?;
    let stream = within(
        HANDSHAKE_WAIT,
        centre,
        "the TLS handshake",
        TlsConnector::from(tls).connect(name, tcp),
    )
    .await?
    .map_err(failed)?;
    // Without ALPN the peer may still speak HTTP/2; with another protocol it surely does not.
    if stream.get_ref().1.alpn_protocol().is_some_and(|protocol| protocol != b"h2") {
        return Err(Trouble::Lost {
            centre: centre.authority(),
            reason: "it speaks no HTTP/2".to_owned(),
        });
    }
    let late = Late::default();
    let watched = Watched {
        stream,
        late: Arc::clone(&late),
        failed: None,
    };
    let (ping, patience) = settings.ping_secs;
    let handshake = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(ping))
        .keep_alive_timeout(Duration::from_secs(patience))
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(watched));
    let (sender, driver) = within(HANDSHAKE_WAIT, centre, "HTTP/2", handshake)
        .await?
        .map_err(|error| trouble(&late, centre, chain(&error)))?;
    Ok(Link {
        centre: centre.clone(),
        sender,
        driver: tokio::spawn(driver),
        late,
    })
}

async fn within<F: Future>(limit: Duration, centre: &Centre, what: &'static str, future: F) -> Result<F::Output, Trouble> {
    tokio::time::timeout(limit, future).await.map_err(|_| Trouble::Slow {
        centre: centre.authority(),
        what,
        after: limit,
    })
}

/// A TCP connection whose other end is the centre.
async fn dial(settings: &Settings, centre: &Centre) -> Result<TcpStream, Trouble> {
    let Some(through) = &settings.proxy else {
        return open(settings, &centre.host, centre.port).await;
    };
    let password = through
        .password(settings.proxy_password_file.as_deref())
        .map_err(|error| Trouble::Proxy {
            proxy: authority(&through.host, through.port),
            centre: centre.authority(),
            reason: format!("{error:#}"),
            hint: None,
        })?;
    let mut stream = open(settings, &through.host, through.port).await?;
    within(
        PROXY_WAIT,
        centre,
        "through the proxy",
        proxy::connect(&mut stream, through, password.as_deref(), centre),
    )
    .await??;
    Ok(stream)
}

/// Connects to the first address of a host that accepts.
async fn open(settings: &Settings, host: &str, port: u16) -> Result<TcpStream, Trouble> {
    let peer = authority(host, port);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in addresses(settings, host, port, &peer).await?.into_iter().take(ADDRESSES_MAX) {
        match tokio::time::timeout(ACCEPT_WAIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Only for speed and early notice, so a system without them will do.
                let socket = socket2::SockRef::from(&stream);
                if let Err(error) = socket
                    .set_tcp_nodelay(true)
                    .and_then(|()| socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX))
                {
                    tracing::debug!("options of the connection to {peer}: {error}");
                }
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(Trouble::Connect { peer, source: last })
}

async fn addresses(settings: &Settings, host: &str, port: u16, peer: &str) -> Result<Vec<SocketAddr>, Trouble> {
    if let Some(fixed) = settings.resolve.get(peer) {
        return Ok(fixed.iter().map(|address| SocketAddr::new(*address, port)).collect());
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let wrong = |source| Trouble::Resolve {
        host: host.to_owned(),
        source,
    };
    let found = tokio::time::timeout(ACCEPT_WAIT, tokio::net::lookup_host((host, port)))
        .await
        .map_err(|_| wrong(io::ErrorKind::TimedOut.into()))?
        .map_err(wrong)?;
    Ok(found.collect())
}

/// A TLS stream that remembers the error of TLS it ended with; HTTP/2 above keeps only its text.
struct Watched<S> {
    stream: S,
    late: Late,
    /// Why writing failed, while what the peer said before is still being read.
    failed: Option<io::Error>,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    fn watch<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &poll
            && let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            lock(&self.late).get_or_insert_with(|| error.clone());
        }
        poll
    }

    /// When a peer has hung up on us, what it said before may still be unread: why it did. Reading ends soon, since the
    /// connection has.
    fn last_words(&mut self, context: &mut Context<'_>, error: io::Error) -> Poll<io::Error> {
        let mut ignored = [0; 1024];
        for _ in 0..READS_MAX {
            let mut buffer = ReadBuf::new(&mut ignored);
            let unread = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
            match self.watch(unread) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(error),
                Poll::Pending => {
                    self.failed = Some(error);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    fn writing<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let error = match self.failed.take() {
            Some(error) => error,
            None => match write(Pin::new(&mut self.stream), context) {
                Poll::Ready(Err(error)) => error,
                poll @ (Poll::Ready(Ok(_)) | Poll::Pending) => return poll,
            },
        };
        self.last_words(context, error).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(poll)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writing(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.writing(context, |stream, context| stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing(context, |stream, context| stream.poll_shutdown(context))
    }
}
