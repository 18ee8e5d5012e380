//! Stands between an operator and everything it calls, counts, and kills it at one call: before the call is passed on, so that it
//! never happened, or after it was done, so that nobody heard.
//!
//! ```text
//!   operator ── HTTP ─────────────▶ cutter ──▶ kubectl proxy ──▶ API server     a call is a request
//!            ── TCP to admin ports ─▶ cutter ──▶ the node                       a call is a connection: the operator makes one each time
//! ```

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::endpoint::Endpoint;
use crate::wait;

/// No request of an operator has a longer head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What becomes of the call at which the operator is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does not arrive.
    Lost,
    /// It is carried out, and the answer does not arrive.
    Unheard,
}

/// Which call, counted from 1, and its fate.
pub type Cut = (usize, Fate);

#[derive(Debug, Default)]
struct State {
    cut: Option<Cut>,
    victim: Option<Pid>,
    calls: Vec<String>,
    is_done: bool,
}

/// The man in the middle. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct Cutter {
    state: Arc<Mutex<State>>,
    api: SocketAddr,
    admin: SocketAddr,
}

impl Cutter {
    /// Listens for an operator; its requests to the API server go to `upstream`.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(upstream: Endpoint, cut: Option<Cut>) -> Result<Self> {
        let (api, admin) = (listener()?, listener()?);
        let state = State {
            cut,
            ..State::default()
        };
        let cutter = Self {
            state: Arc::new(Mutex::new(state)),
            api: api.local_addr()?,
            admin: admin.local_addr()?,
        };
        cutter.serve(api, move |cutter, client| {
            cutter.pass_requests(client, upstream)
        });
        cutter.serve(admin, Self::pass_connection);
        Ok(cutter)
    }

    /// Where the operator finds its API server.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Where connections to admin ports are to be redirected.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Whom to kill.
    pub fn aim(&self, victim: u32) {
        self.state().victim = Pid::from_raw(victim as i32);
    }

    /// Whether the call has come and the operator is dead.
    pub fn is_done(&self) -> bool {
        self.state().is_done
    }

    /// What was called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(
        &self,
        listener: TcpListener,
        pass: impl Fn(&Self, TcpStream) -> Result<()> + Send + Sync + 'static,
    ) {
        let cutter = self.clone();
        let pass = Arc::new(pass);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (cutter, pass) = (cutter.clone(), pass.clone());
                // A connection that breaks is the end of it, for both sides.
                thread::spawn(move || pass(&cutter, client).is_ok());
            }
        });
    }

    /// Counts a call; says its fate if it is the one.
    fn count(&self, call: String) -> Option<Fate> {
        let mut state = self.state();
        state.calls.push(call);
        let (at, fate) = state.cut?;
        (state.calls.len() == at).then_some(fate)
    }

    fn kill(&self) {
        let mut state = self.state();
        if let Some(victim) = state.victim {
            // Gone already is as good.
            let _ = kill_process(victim, Signal::KILL);
        }
        state.is_done = true;
    }

    fn pass_requests(&self, mut client: TcpStream, upstream: Endpoint) -> Result<()> {
        let mut server = upstream.dial(wait::PATIENCE)?;
        let answers = Answers::pass(server.try_clone()?, client.try_clone()?);
        let mut buffer = Vec::new();
        while let Some((head, length)) = read_head(&mut client, &mut buffer)? {
            let body = read_body(&mut client, &mut buffer, length)?;
            let fate = self.count(head.lines().next().unwrap_or_default().to_owned());
            if fate == Some(Fate::Lost) {
                self.kill();
                break;
            }
            answers.hold(fate.is_some());
            server.write_all(head.as_bytes())?;
            server.write_all(&body)?;
            if fate == Some(Fate::Unheard) {
                answers.came()?;
                self.kill();
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
        Ok(())
    }

    /// At the end of the connection, the call is done.
    fn pass_connection(&self, client: TcpStream) -> Result<()> {
        let to = SocketAddr::from(rustix::net::sockopt::ip_original_dst(&client)?);
        let fate = self.count(format!("admin {to}"));
        if fate == Some(Fate::Lost) {
            self.kill();
            return Ok(());
        }
        let server = Endpoint(to).dial(wait::PATIENCE)?;
        let back = (server.try_clone()?, client.try_clone()?);
        let answers = thread::spawn(move || copy(back.0, back.1));
        let _ = copy(client, server);
        let _ = answers.join();
        if fate == Some(Fate::Unheard) {
            self.kill();
        }
        Ok(())
    }
}

fn listener() -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)
}

/// Answers on their way back; the one to a call that is to stay unheard is held.
#[derive(Debug, Clone, Default)]
struct Answers {
    held: Arc<Mutex<(bool, usize)>>,
}

impl Answers {
    fn pass(mut server: TcpStream, mut client: TcpStream) -> Self {
        let answers = Self::default();
        let held = answers.held.clone();
        thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            while let Ok(length) = server.read(&mut bytes) {
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                if held.0 {
                    held.1 += length.max(1);
                } else if length == 0 || client.write_all(&bytes[..length]).is_err() {
                    break;
                }
                if length == 0 {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Write);
        });
        answers
    }

    fn hold(&self, held: bool) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = (held, 0);
    }

    fn came(&self) -> Result<()> {
        wait::until("the answer that nobody hears", wait::PATIENCE, || {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            (held.1 > 0).then_some(())
        })
    }
}

/// One way, until it ends.
fn copy(mut from: TcpStream, mut to: TcpStream) -> std::io::Result<()> {
    std::io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}

/// The head of the next request and the length of its body; nothing at the end of the connection.
fn read_head(client: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<(String, usize)>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = buffer.drain(..at + 4).collect::<Vec<u8>>();
            let head = String::from_utf8(head)?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().ok())?
            });
            return Ok(Some((head, length.unwrap_or(0))));
        }
        anyhow::ensure!(buffer.len() < HEAD_BYTES_MAX, "no end of the head");
        if read_more(client, buffer)? == 0 {
            return Ok(None);
        }
    }
}

fn read_body(client: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Result<Vec<u8>> {
    while buffer.len() < length {
        let read = read_more(client, buffer)?;
        anyhow::ensure!(read > 0, "half a body");
    }
    Ok(buffer.drain(..length).collect())
}

fn read_more(client: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<usize> {
    let mut bytes = [0; 16 * 1024];
    let read = client.read(&mut bytes).context("a request")?;
    buffer.extend(&bytes[..read]);
    Ok(read)
}
