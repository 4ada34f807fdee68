//! A real PgBouncer before a throw-away server.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use klined_testing::repository;
use rustix::process::getuid;
use tempfile::TempDir;

use super::cluster::Cluster;
use super::programs::eventually;

/// A PgBouncer that ends with this value, or with this process.
pub struct Pooler {
    pub port: u16,
    child: Child,
    _directory: TempDir,
}

impl Pooler {
    /// Before a cluster, with settings such as `pool_mode = session`, one a line.
    pub fn before(cluster: &Cluster, settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\nignore_startup_parameters = options\n{settings}\n",
            cluster.port
        );
        fs::write(&file, text).unwrap();
        // PgBouncer gives up the rights of root, and then reads its file again.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (tools, user) = (repository("target/tools/usr"), if getuid().is_root() { "-u postgres" } else { "" });
        let script = format!(
            "cd \"$0\" && PATH=\"$PATH:$PWD/sbin\" && LD_LIBRARY_PATH=$(echo \"$PWD\"/*/*-linux-gnu) && export PATH LD_LIBRARY_PATH; \
             pgbouncer -q {user} {} & pid=$!; cat >/dev/null; kill -INT $pid; wait $pid",
            file.display()
        );
        let child = Command::new("sh")
            .args(["-c", &script, tools.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("PgBouncer listens; ./test.sh fetches it", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { port, child, _directory: directory }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
