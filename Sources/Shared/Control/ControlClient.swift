private import Foundation
private import Glibc
import Platform

/// A client of a control socket, for commands.
///
/// Isolation: one thread; blocks.
package enum ControlClient {
    /// The largest reply: a million agencies.
    private static let maxReplyBytes = 256 << 20

    /// Sends a request and waits for its reply.
    ///
    /// - Parameter seconds: the deadline for the reply; a command waits while the service draws.
    /// - Throws: ``ControlFailure``; `isAbsent` if no service listens.
    package static func ask(
        _ request: ControlRequest, at path: String, seconds: Int = 600
    ) throws(ControlFailure) -> ControlReply {
        let fd = try connect(path)
        defer { close(fd) }
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let encoder = JSONEncoder()
        guard let body = try? encoder.encode(request) else { preconditionFailure("a request cannot be encoded") }
        try send(fd, Array(body) + [UInt8(ascii: "\n")], path)
        let line = try readLine(fd, path)
        guard let reply = ControlReply(line: line) else {
            throw ControlFailure(path: path, reason: "the reply is not one of a control socket")
        }
        return reply
    }

    /// Whether a service listens on a path.
    static func isServed(_ path: String) -> Bool {
        guard let fd = try? connect(path) else { return false }
        close(fd)
        return true
    }

    /// `sun_path` holds 108 bytes, its final zero included.
    private static let maxPathBytes = 107

    /// Checks that a path fits a socket address.
    ///
    /// - Throws: ``ControlFailure``.
    static func check(_ path: String) throws(ControlFailure) {
        guard path.utf8.count <= maxPathBytes else {
            throw ControlFailure(
                path: path,
                reason:
                    "the path has \(path.utf8.count) bytes, and the kernel takes \(maxPathBytes): use a shorter data folder",
                isAbsent: true)
        }
    }

    private static func connect(_ path: String) throws(ControlFailure) -> Int32 {
        try Self.check(path)
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw ControlFailure(path: path, reason: SystemCall.errorText(errno)) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(fd)
            throw ControlFailure(
                path: path, reason: SystemCall.errorText(code), isAbsent: code == ENOENT || code == ECONNREFUSED)
        }
        return fd
    }

    private static func send(_ fd: Int32, _ bytes: [UInt8], _ path: String) throws(ControlFailure) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { part in
                SystemCall.retryingInterrupted { Glibc.send(fd, part.baseAddress, part.count, Int32(MSG_NOSIGNAL)) }
            }
            guard count > 0 else { throw ControlFailure(path: path, reason: SystemCall.errorText(errno)) }
            done += count
        }
    }

    private static func readLine(_ fd: Int32, _ path: String) throws(ControlFailure) -> [UInt8] {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while line.last != UInt8(ascii: "\n") {
            let count = SystemCall.retryingInterrupted { read(fd, &buffer, buffer.count) }
            guard count > 0, line.count < maxReplyBytes else {
                let code = count == 0 ? 0 : errno
                var failure = ControlFailure(
                    path: path,
                    reason: code == 0
                        ? "the service closed the connection without a reply" : SystemCall.errorText(code))
                failure.isTimeout = code == EAGAIN
                throw failure
            }
            line += buffer[..<count]
        }
        return line
    }
}
