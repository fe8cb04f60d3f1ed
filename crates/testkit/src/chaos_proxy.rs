//! A TCP proxy that misbehaves as networks do, for any protocol, and for PostgreSQL exactly at a
//! commit.
//!
//! It stands between a program and a server: delays, cuts or stands still after so many bytes, goes
//! silent with its connections open (half-open), drops one direction, or cuts at COMMIT: before the
//! server has seen it, or after the server has done it and before its answer is passed on. Every
//! fault is counted, so that a test knows that it struck. Threads, not tasks: tests of real
//! processes have no runtime.

mod frames; // PostgreSQL's messages, found in the stream

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use self::frames::{Frame, Frames, Side};

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// How long a side that has nothing to read waits before it looks whether the mode has changed.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// Where a commit is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitCut {
    /// The server never sees it: it rolls back.
    Before,
    /// The server has committed; nobody is told.
    After,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Struck {
    pub connections: u64,
    /// Connections that were cut in the middle, of whatever kind.
    pub cuts: u64,
    pub commits_seen: u64,
    pub commits_cut_before: u64,
    pub commits_cut_after: u64,
    /// Bytes that were read and never passed on.
    pub bytes_dropped: u64,
    pub refused: u64,
    /// Connections that stood still in the middle of what was written.
    pub stalled: u64,
}

/// How the proxy behaves at present.
#[derive(Debug, Clone, Copy, Default)]
struct Mode {
    delay: Duration,
    /// Connections stay open and nothing passes.
    is_silent: bool,
    drops: Option<Direction>,
    refuses: bool,
    /// Cut after so many more bytes in a direction, once.
    cut_after: Option<(Direction, u64)>,
    /// Such a cut waits until the other side has gone.
    is_stall: bool,
    /// Cut every n-th commit.
    commits: Option<CommitCuts>,
}

#[derive(Debug, Clone, Copy)]
struct CommitCuts {
    cut: CommitCut,
    every: u64,
    left: u64,
    until_next: u64,
}

#[derive(Default)]
struct Shared {
    mode: Mutex<Mode>,
    struck: Mutex<Struck>,
    /// Counted up to end every connection there is.
    generation: AtomicU64,
    is_over: AtomicBool,
}

/// A proxy on a port of its own. Dropped, it ends every connection and listens no more.
pub struct ChaosProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<thread::JoinHandle<()>>,
}

impl ChaosProxy {
    /// Stands before `server`, which need not listen yet.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let listening = thread::Builder::new()
            .name("chaos-proxy".into())
            .spawn(move || listen(&listener, server, &theirs))?;
        Ok(Self {
            address,
            shared,
            listening: Some(listening),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn struck(&self) -> Struck {
        *self.shared.struck()
    }

    /// Everything passes again. Connections that are cut stay cut.
    pub fn heal(&self) {
        *self.shared.mode() = Mode::default();
    }

    /// Everything takes so much longer, each way.
    pub fn delay(&self, delay: Duration) {
        self.shared.mode().delay = delay;
    }

    /// Nothing passes either way, and no connection ends: a half-open network.
    pub fn go_silent(&self) {
        self.shared.mode().is_silent = true;
    }

    /// What goes that way is read and thrown away.
    pub fn drop_direction(&self, direction: Direction) {
        self.shared.mode().drops = Some(direction);
    }

    /// New connections are closed at once.
    pub fn refuse(&self) {
        self.shared.mode().refuses = true;
    }

    /// The first connection that has passed so many more bytes that way is cut within them.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        let mut mode = self.shared.mode();
        (mode.cut_after, mode.is_stall) = (Some((direction, bytes)), false);
    }

    /// The first connection that has passed so many more bytes to the server stands still there:
    /// the rest is not passed on, whatever happens. It is cut once its client has gone.
    pub fn stall_after(&self, bytes: u64) {
        let mut mode = self.shared.mode();
        (mode.cut_after, mode.is_stall) = (Some((Direction::ToServer, bytes)), true);
    }

    /// Every connection there is ends now, in the middle of whatever it does.
    pub fn cut_all(&self) {
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Of PostgreSQL's commits every `every`-th is cut, `times` times.
    pub fn cut_commits(&self, cut: CommitCut, every: u64, times: u64) {
        assert!(every > 0, "every commit is the most there is");
        self.shared.mode().commits = Some(CommitCuts {
            cut,
            every,
            left: times,
            until_next: every,
        });
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.cut_all();
        // Wakes the listener, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn struck(&self) -> MutexGuard<'_, Struck> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this commit is one to cut, and where.
    fn next_commit(&self) -> Option<CommitCut> {
        self.struck().commits_seen += 1;
        let mut mode = self.mode();
        let cuts = mode.commits.as_mut().filter(|cuts| cuts.left > 0)?;
        cuts.until_next -= 1;
        if cuts.until_next > 0 {
            return None;
        }
        cuts.until_next = cuts.every;
        cuts.left -= 1;
        Some(cuts.cut)
    }

    /// How many of `length` bytes may pass before the cut that is asked for, if it falls in them,
    /// and whether it is a stall.
    fn cut_within(&self, direction: Direction, length: usize) -> Option<(usize, bool)> {
        let mut mode = self.mode();
        let (towards, left) = mode.cut_after.as_mut()?;
        if *towards != direction {
            return None;
        }
        if *left >= length as u64 {
            *left -= length as u64;
            return None;
        }
        let passes = *left as usize;
        mode.cut_after = None;
        Some((passes, mode.is_stall))
    }
}

fn listen(listener: &TcpListener, server: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        if shared.mode().refuses {
            shared.struck().refused += 1;
            continue;
        }
        let shared = shared.clone();
        // A connection takes two threads; both end with it.
        thread::spawn(move || {
            let Ok(upstream) = TcpStream::connect_timeout(&server, CONNECT_TIMEOUT) else {
                return;
            };
            shared.struck().connections += 1;
            if let Err(error) = Passage::run(client, upstream, &shared) {
                // A side that ended is what networks do.
                drop(error);
            }
        });
    }
}

/// One connection through the proxy.
struct Passage {
    shared: Arc<Shared>,
    born: u64,
    is_cut: AtomicBool,
    /// A commit was passed on whose answer must not be.
    hides_answer: AtomicBool,
    client: TcpStream,
    server: TcpStream,
}

impl Passage {
    fn run(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(LOOK_EVERY))?;
        }
        let passage = Arc::new(Self {
            shared: shared.clone(),
            born: shared.generation.load(Ordering::SeqCst),
            is_cut: AtomicBool::new(false),
            hides_answer: AtomicBool::new(false),
            client,
            server,
        });
        let other = passage.clone();
        let answers = thread::spawn(move || other.pass(Direction::ToClient));
        passage.pass(Direction::ToServer);
        let _ = answers.join();
        Ok(())
    }

    /// Passes one direction on until either side ends.
    fn pass(&self, direction: Direction) {
        let (from, to, side) = match direction {
            Direction::ToServer => (&self.client, &self.server, Side::Client),
            Direction::ToClient => (&self.server, &self.client, Side::Server),
        };
        let mut frames = Frames::of(side);
        let mut buffer = vec![0; READ_BYTES];
        while !self.is_over() {
            let read = match (&mut &*from).read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if is_only_time(&error) => continue,
                Err(_) => break,
            };
            // What was read may have to wait: by now the network may be silent.
            let mut mode = *self.shared.mode();
            while mode.is_silent && !self.is_over() {
                thread::sleep(LOOK_EVERY);
                mode = *self.shared.mode();
            }
            if mode.drops == Some(direction) {
                self.shared.struck().bytes_dropped += read as u64;
                continue;
            }
            if !mode.delay.is_zero() {
                thread::sleep(mode.delay);
            }
            if !self.hand_on(direction, &mut frames, &buffer[..read], to) {
                break;
            }
        }
        // The other direction may still have something to say, unless this was a cut.
        let how = match self.is_over() {
            true => Shutdown::Both,
            false => Shutdown::Write,
        };
        let _ = to.shutdown(how);
        if self.is_over() {
            let _ = from.shutdown(Shutdown::Both);
        }
    }

    /// Hands bytes on, as far as they may go; false where the connection is over.
    fn hand_on(
        &self,
        direction: Direction,
        frames: &mut Frames,
        bytes: &[u8],
        mut to: &TcpStream,
    ) -> bool {
        if let Some((passes, is_stall)) = self.shared.cut_within(direction, bytes.len()) {
            let _ = to.write_all(&bytes[..passes]);
            if is_stall {
                self.shared.struck().stalled += 1;
                self.wait_until_client_is_gone();
            }
            self.cut();
            return false;
        }
        for (piece, frame) in frames.split(bytes) {
            match (direction, frame) {
                (Direction::ToServer, Some(Frame::Commit)) => match self.shared.next_commit() {
                    Some(CommitCut::Before) => {
                        self.shared.struck().commits_cut_before += 1;
                        self.cut();
                        return false;
                    }
                    Some(CommitCut::After) => self.hides_answer.store(true, Ordering::SeqCst),
                    None => {}
                },
                (Direction::ToClient, Some(Frame::Committed))
                    if self.hides_answer.load(Ordering::SeqCst) =>
                {
                    self.shared.struck().commits_cut_after += 1;
                    self.cut();
                    return false;
                }
                _ => {}
            }
            if to.write_all(&piece).is_err() {
                return false;
            }
        }
        true
    }

    /// Whatever the client still writes is thrown away.
    fn wait_until_client_is_gone(&self) {
        let mut buffer = vec![0; READ_BYTES];
        while !self.is_over() {
            match (&self.client).read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if is_only_time(&error) => {}
                Err(_) => return,
            }
        }
    }

    fn cut(&self) {
        self.shared.struck().cuts += 1;
        self.is_cut.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
            || self.shared.is_over.load(Ordering::SeqCst)
            || self.shared.generation.load(Ordering::SeqCst) != self.born
    }
}

fn is_only_time(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests;
