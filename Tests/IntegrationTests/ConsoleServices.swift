import Foundation
import Glibc
import Platform
import TestKit
import Testing

/// The real services and a real console on their data folder.
struct ConsoleServices {
    let services: Services
    let console: TestProgram
    let address: Endpoint

    init(agencies: Int, settings: [String] = [], folder: TemporaryFolder? = nil) throws {
        services = try Services(agencies: agencies, settings: settings, folder: folder)
        console = try Self.start(data: services.data, in: services.folder)
        address = try Self.address(of: console)
    }

    static func start(
        data: String, listen: String = "127.0.0.1:0", settings: [String] = [], in folder: TemporaryFolder
    ) throws -> TestProgram {
        try TestProgram(
            "console", ["--data", data, "--listen", listen] + settings.flatMap { ["--set", $0] }, in: folder.path)
    }

    /// Waits until the console listens.
    static func address(of console: TestProgram) throws -> Endpoint {
        let line = try console.waitForLog("port: console")
        let text = try #require(line.split(separator: "://").last)
        return try #require(Endpoint(String(text)))
    }

    var tokenFile: String { services.data + "/control/operator.token" }

    /// The operator's token, which an action page has made.
    func token() throws -> String {
        try String(contentsOfFile: tokenFile, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// An answer of the console.
    struct Answer {
        var status: Int
        var head: String
        var body: String
    }

    /// Sends a request on a connection of its own.
    ///
    /// - Parameters:
    ///   - form: the fields of a POST, which gets a number of its own if it has none; nil for a GET.
    ///   - method: instead of GET or POST.
    ///   - host: another Host than the console's.
    ///   - origin: of a POST; empty for none.
    func ask(
        _ path: String, form: [String: String]? = nil, method: String? = nil, host: String? = nil, origin: String? = nil
    ) throws -> Answer {
        let fields = form.map { ["form": UUID().uuidString].merging($0) { $1 } } ?? [:]
        let body = fields.map {
            "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
        }
        .joined(separator: "&")
        let origin = origin ?? "http://\(address)"
        var lines = [
            "\(method ?? (form == nil ? "GET" : "POST")) \(path) HTTP/1.1", "Host: \(host ?? "\(address)")",
            "Connection: close",
        ]
        if form != nil {
            lines += [
                "Content-Type: application/x-www-form-urlencoded", "Content-Length: \(body.utf8.count)",
            ]
            if !origin.isEmpty { lines.append("Origin: \(origin)") }
        }
        let socket = try TestSocket(address)
        try socket.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8))
        let text = String(decoding: try socket.receiveToEnd(), as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let status = try #require(Int(text.split(separator: " ").dropFirst().first ?? ""), "\(text)")
        return Answer(status: status, head: String(parts[0]), body: parts.count > 1 ? String(parts[1]) : "")
    }

    /// Opens a stream of the page's changes.
    func stream(_ path: String = "/events") throws -> TestSocket {
        let socket = try TestSocket(address)
        try socket.send(Array("GET \(path) HTTP/1.1\r\nHost: \(address)\r\n\r\n".utf8))
        return socket
    }

    /// The value of a metric, for example `quiniela_viewers{service="console"}`; nil without it.
    func metric(_ name: String) throws -> Double? {
        let line = try ask("/metrics").body.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }

    /// Asks again until the answer is as expected, at most ten seconds.
    func wait(for path: String, until isExpected: (Answer) throws -> Bool) throws -> Answer {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            let answer = try ask(path)
            if try isExpected(answer) { return answer }
            guard ContinuousClock.now < end else {
                throw TestProgram.Failure.deadline("the expected answer of \(path)", log: answer.body)
            }
        }
    }

    func stop(_ location: SourceLocation = #_sourceLocation) throws {
        console.signal(SIGTERM)
        #expect(try console.waitForExit() == 0, "\(console.log)", sourceLocation: location)
        try services.stop(location)
    }
}
