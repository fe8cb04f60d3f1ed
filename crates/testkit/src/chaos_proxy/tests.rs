//! Against an echo: what passes, what is cut, what is counted.

use super::*;

/// Sends back whatever comes, on as many connections as there are.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 1_024];
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    if client.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn connect(proxy: &ChaosProxy) -> TcpStream {
    let socket = TcpStream::connect(proxy.address()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket
}

fn comes_back(socket: &mut TcpStream, text: &[u8]) -> io::Result<()> {
    socket.write_all(text)?;
    let mut back = vec![0; text.len()];
    socket.read_exact(&mut back)?;
    assert_eq!(back, text);
    Ok(())
}

/// Reads until there is no more; what came.
fn rest_of(socket: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset ends it as well as an end.
    let _ = socket.read_to_end(&mut rest);
    rest
}

#[test]
fn what_is_sent_passes_and_a_cut_ends_every_connection() {
    let proxy = ChaosProxy::start(echo()).unwrap();
    let (mut one, mut other) = (connect(&proxy), connect(&proxy));
    comes_back(&mut one, b"hello").unwrap();
    comes_back(&mut other, b"there").unwrap();
    proxy.cut_all();
    assert!(rest_of(&mut one).is_empty() && rest_of(&mut other).is_empty());
    comes_back(&mut connect(&proxy), b"again").unwrap();
    assert_eq!(proxy.struck().connections, 3);
}

#[test]
fn it_cuts_within_the_byte_that_was_asked_for() {
    let proxy = ChaosProxy::start(echo()).unwrap();
    proxy.cut_after(Direction::ToServer, 4);
    let mut socket = connect(&proxy);
    socket.write_all(b"12345678").unwrap();
    let back = rest_of(&mut socket);
    assert!(b"1234".starts_with(&back), "{back:?}");
    assert_eq!(proxy.struck().cuts, 1);
    // Once.
    comes_back(&mut connect(&proxy), b"12345678").unwrap();
}

#[test]
fn it_stands_still_within_what_is_written_until_its_client_has_gone() {
    let proxy = ChaosProxy::start(echo()).unwrap();
    // As many as it takes to see that this is not PostgreSQL.
    proxy.stall_after(6);
    let mut socket = connect(&proxy);
    socket.write_all(b"12345678").unwrap();
    let mut back = [0; 6];
    socket.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"123456");
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let error = socket.read(&mut [0]).unwrap_err();
    assert!(is_only_time(&error), "{error}");
    socket.shutdown(Shutdown::Write).unwrap();
    assert!(rest_of(&mut socket).is_empty());
    let struck = proxy.struck();
    assert_eq!((struck.stalled, struck.cuts), (1, 1));
    // Once.
    comes_back(&mut connect(&proxy), b"12345678").unwrap();
}

#[test]
fn silent_and_one_way_it_keeps_the_connection_and_passes_nothing() {
    let proxy = ChaosProxy::start(echo()).unwrap();
    let mut socket = connect(&proxy);
    comes_back(&mut socket, b"before").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    proxy.go_silent();
    let error = comes_back(&mut socket, b"held").unwrap_err();
    assert!(is_only_time(&error), "{error}");
    proxy.heal();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut held = [0; 4];
    socket.read_exact(&mut held).unwrap();
    assert_eq!(&held, b"held");

    proxy.drop_direction(Direction::ToClient);
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let error = comes_back(&mut socket, b"lost").unwrap_err();
    assert!(is_only_time(&error), "{error}");
    assert_eq!(proxy.struck().bytes_dropped, 4);
    proxy.heal();
    comes_back(&mut socket, b"after").unwrap();
}

#[test]
fn refused_connections_are_counted() {
    let proxy = ChaosProxy::start(echo()).unwrap();
    proxy.refuse();
    assert!(comes_back(&mut connect(&proxy), b"no thanks").is_err());
    proxy.heal();
    comes_back(&mut connect(&proxy), b"yes please").unwrap();
    assert_eq!(proxy.struck().refused, 1);
}

/// The echo is no database, but it says back what a client says: enough to see both cuts.
#[test]
fn every_nth_commit_is_cut_before_the_server_sees_it() {
    let proxy = ChaosProxy::start(echo()).unwrap();
    proxy.cut_commits(CommitCut::Before, 2, 1);
    let startup = [0, 0, 0, 12, 0, 3, 0, 0, b'a', 0, 0, 0];
    let commit = [&[b'Q', 0, 0, 0, 11][..], b"COMMIT\0"].concat();
    let mut socket = connect(&proxy);
    socket.write_all(&startup).unwrap();
    socket.write_all(&commit).unwrap();
    // The echo answers in the client's words, which the server's side of the proxy holds for some
    // other protocol and passes.
    let mut back = vec![0; startup.len() + commit.len()];
    socket.read_exact(&mut back).unwrap();
    socket.write_all(&commit).unwrap();
    assert!(rest_of(&mut socket).is_empty());
    let struck = proxy.struck();
    assert_eq!((struck.commits_seen, struck.commits_cut_before), (2, 1));
}
