import Control
import Domain
import Foundation
import Glibc
import Platform
import TestKit
import Testing

/// Tests of the control socket of the running service: other peers than the commands, and many of them.
struct ControlSocketTests {
    /// A client that sends exactly the given bytes.
    private final class Peer {
        private let fd: Int32

        init?(_ path: String, receiveSeconds: Int = 10) {
            fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            var timeout = timeval(tv_sec: receiveSeconds, tv_usec: 0)
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result != 0 { return nil }
        }

        deinit { close(fd) }

        func send(_ text: String) {
            _ = text.utf8CString.withUnsafeBytes { Glibc.send(fd, $0.baseAddress, $0.count - 1, Int32(MSG_NOSIGNAL)) }
        }

        /// Receives up to the end of a line; nil at the end of input or at the deadline.
        func line() -> String? {
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while bytes.last != UInt8(ascii: "\n") {
                guard recv(fd, &byte, 1, 0) == 1 else {
                    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
                }
                bytes.append(byte)
            }
            return String(decoding: bytes.dropLast(), as: UTF8.self)
        }
    }

    @Test("questions, commands and mistakes are answered one line each, in order")
    func lines() throws {
        let services = try Services(agencies: 2)
        let path = services.data + "/control/ingest.sock"
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        let peer = try #require(Peer(path))
        peer.send(#"{"draws":{}}"# + "\n" + #"{"status":{"id":"nothing"}}"# + "\nnonsense\n")
        #expect(peer.line()?.hasPrefix(#"{"ok":[{"bets":0,"draw":"default","expectedAgencies":2,"#) == true)
        #expect(peer.line() == #"{"ok":null}"#)
        #expect(peer.line()?.hasPrefix(#"{"error":"#) == true)
        for (request, text) in [
            (#"{"draw.close":{}}"#, "draw.close needs id"), (#"{"draw.shut":{}}"#, "one key is expected"),
            (#"{"draw.number":{"id":"default","number":10000}}"#, "0 to 9999 is expected"),
            (#"{"draw.close":{"id":"other"}}"#, "there is no draw other"),
            (#"{"draw.number":{"id":"default","number":1}}"#, "takes its number from the configuration"),
            (#"{"draw.cut-off":{"id":"default","cutOff":"2099-01-01T00:00:00.000Z"}}"#, "no cut-off"),
        ] {
            peer.send(request + "\n")
            let line = peer.line() ?? "nothing"
            #expect(line.hasPrefix(#"{"error":"#) && line.contains(text), "\(request): \(line)")
        }
        try services.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("a line without an end, silent and half-closed peers, and more peers than the limit do no harm")
    func hostile() throws {
        let services = try Services(agencies: 1)
        let path = services.data + "/control/ingest.sock"
        let endless = try #require(Peer(path))
        endless.send(String(repeating: "x", count: 100_000))
        #expect(endless.line()?.contains("a line longer than") == true)
        #expect(endless.line() == nil)
        var peers = (0..<31).compactMap { _ in Peer(path) }
        #expect(peers.count == 31)
        // Those beyond the limit are told so.
        let extra = (0..<8).compactMap { _ in Peer(path, receiveSeconds: 1) }
        #expect(extra.contains { $0.line()?.contains("limit of the control socket") == true })
        peers.removeAll()
        _ = try services.join(1)
        var reply: ControlReply?
        let deadline = ContinuousClock.now + .seconds(10)
        while reply == nil, ContinuousClock.now < deadline {
            if case .ok(let bytes)? = try? ControlClient.ask(.draws, at: path, seconds: 5) { reply = .ok(bytes) }
        }
        #expect(reply != nil)
        try services.stop()
    }

    @Test("a socket that a killed service left is replaced, and commands without a service say so")
    func leftOver() throws {
        let services = try Services(agencies: 1)
        services.ingest.signal(SIGKILL)
        _ = try services.ingest.waitForExit()
        let path = services.data + "/control/ingest.sock"
        #expect(FileManager.default.fileExists(atPath: path))
        let closed = try closeDraw(services)
        #expect(closed.code == 75 && closed.errors.contains("no bet-ingest serves \(path)"), "\(closed)")
        let status = try services.command("status")
        #expect(status.code == 0 && status.output.contains("(data folder; no service runs)"), "\(status)")
        try services.restartIngest()
        #expect(try services.command("status").output.contains("(running service)"))
        let done = try closeDraw(services)
        #expect(done.code == 0 && done.output.contains("draw default takes no more bets"), "\(done)")
        try services.ingest.waitForLog("action: publish")
        let settled = try TestProgram(
            "bet-ingest", ["draw", "settle", "default", "--output", "json", "--data", services.data],
            in: services.folder.path)
        #expect(try settled.waitForExit() == 0)
        #expect(
            settled.standardOutput.contains(
                #"{"agency":1,"bets":0,"chunks":0,"lateBets":0,"rejectedBets":0,"state":"absent","winningBets":0}"#))
        try services.stop()
    }

    private func closeDraw(_ services: Services) throws -> (code: Int32, output: String, errors: String) {
        let program = try TestProgram(
            "bet-ingest", ["draw", "close", "default", "--yes", "--data", services.data], in: services.folder.path)
        return (try program.waitForExit(), program.standardOutput, program.log)
    }

    @Test("a data folder whose path is too long for a socket is served without one")
    func longPath() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/" + String(repeating: "d", count: 90)
        let ingest = try TestProgram.start(.ingest, data: data, agencies: 1, in: folder.path)
        _ = try ingest.waitForAddress()
        try ingest.waitForLog("use a shorter data folder")
        ingest.signal(SIGTERM)
        #expect(try ingest.waitForExit() == 0)
    }
}
