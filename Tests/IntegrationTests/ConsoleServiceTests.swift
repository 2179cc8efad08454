import Domain
import Foundation
import Glibc
import Platform
import Shell
import TestKit
import Testing
import WireProtocol

/// The console beside the real services: pages, health, metrics, streams and commands.
struct ConsoleServiceTests {
    private let viewers = "quiniela_viewers{service=\"console\"}"

    @Test("the page shows the draw's counts, and both kinds of health answer")
    func page() throws {
        let tried = try ConsoleServices(agencies: 3)
        let (socket, _) = try tried.services.join(2)
        try socket.send(.chunk(Samples.chunk(agency: 2, sequence: 1)))
        guard case .chunkProcessed = try socket.receiveMessage() else { throw TestSocket.Failure.closed }
        let page = try tried.wait(for: "/") { $0.body.contains("3</td>") }
        #expect(page.status == 200 && page.head.contains("Content-Security-Policy: default-src 'none'"))
        for text in ["0 of 3", "sending", "nothing yet", "Nothing needs you.", "service started", "bet-ingest answers"]
        {
            #expect(page.body.contains(text), "\(text): \(page.body)")
        }
        #expect(try tried.ask("/live").body == "live\n")
        #expect(try tried.ask("/ready").body == "ready\n")
        let draw = try tried.ask("/draws/default")
        #expect(draw.status == 200 && draw.body.contains("Close the draw"))
        #expect(try tried.ask("/draws/default.json").body.contains("\"expectedAgencies\":3"))
        #expect(try tried.ask("/agencies/2").body.contains("sending"))
        #expect(try tried.ask("/agencies/2.json").body.contains("\"chunks\":1"))
        try tried.stop()
    }

    @Test("after kill -9 of bet-ingest the page and readiness say so, and after its return they do not")
    func down() throws {
        let tried = try ConsoleServices(agencies: 3)
        _ = try tried.wait(for: "/ready") { $0.status == 200 }
        tried.services.ingest.signal(SIGKILL)
        _ = try tried.services.ingest.waitForExit()
        let unready = try tried.wait(for: "/ready") { $0.status == 503 }
        #expect(unready.body == "bet-ingest does not answer: it does not run\n")
        let page = try tried.ask("/")
        #expect(page.body.contains("no data since") && page.body.contains("No bet can be stored"), "\(page.body)")
        #expect(page.body.contains("<html lang=\"en\" class=\"is-stale\">"))
        for path in ["/agencies/1", "/draws/default/close", "/draws/default.json"] {
            #expect(try tried.ask(path).status == 503, "\(path)")
        }
        #expect(try tried.metric("quiniela_up{service=\"bet-ingest\"}") == 0)
        #expect(try tried.metric("quiniela_bets_durable_total{service=\"bet-ingest\"}") == nil)
        #expect(try tried.ask("/live").status == 200)
        try tried.services.restartIngest()
        _ = try tried.wait(for: "/ready") { $0.status == 200 }
        try tried.stop()
    }

    @Test("metrics count what was sent; promtool finds no fault in them, nor in docs/alerts.yaml")
    func metrics() throws {
        let tried = try ConsoleServices(agencies: 2)
        let (socket, _) = try tried.services.join(1)
        for sequence in 1...4 as ClosedRange<UInt32> {
            try socket.send(.chunk(Samples.chunk(agency: 1, sequence: sequence)))
            _ = try socket.receiveMessage()
        }
        // The same chunk again, and another chunk with its sequence.
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 4)))
        _ = try socket.receiveMessage()
        try socket.send(.chunk(Samples.chunk(sequence: 4, bets: [Samples.bet(9)])))
        _ = try socket.receiveMessage()
        let text = try tried.wait(for: "/metrics") { $0.body.contains("result=\"repeated\"} 2") }.body
        let bets = 4 * Samples.chunk(agency: 1, sequence: 1).count
        for line in [
            "quiniela_bets_durable_total{service=\"bet-ingest\"} \(bets)",
            "quiniela_chunks_total{service=\"bet-ingest\",result=\"stored\"} 4",
            "quiniela_draw_agencies{service=\"bet-ingest\",draw=\"default\",state=\"unfinished\"} 1",
            "quiniela_connections{service=\"bet-ingest\"} 1",
        ] { #expect(text.contains(line + "\n"), "\(line): \(text)") }
        let list = try TestProgram("console", ["metrics", "--list"], in: tried.services.folder.path)
        #expect(try list.waitForExit() == 0)
        for line in text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            #expect(list.standardOutput.contains(line.split(separator: " ")[2]))
        }
        try tried.stop()
        let file = tried.services.folder.path + "/metrics.txt"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool") else {
            Issue.record("skipped: promtool is not installed (Debian's prometheus)", severity: .warning)
            return
        }
        let alerts = Repository.root + "/docs/alerts.yaml"
        for command in [
            "promtool check metrics <\(file)", "promtool check rules \(alerts)",
            "promtool test rules \(Repository.root)/Tests/Fixtures/alerts-test.yaml",
        ] {
            let checked = try ShellScript(command, in: tried.services.folder)
            #expect(checked.code == 0, "\(command): \(checked.output) \(checked.errors)")
        }
    }

    @Test("an unknown draw, agency and page are 404 with a way back; another host's name is rejected")
    func unknown() throws {
        let tried = try ConsoleServices(agencies: 2)
        for path in ["/draws/nowhere", "/?draw=nowhere", "/agencies/9", "/agencies/x", "/wrong", "/draws/default/eat"] {
            let answer = try tried.ask(path)
            #expect(answer.status == 404 && answer.body.contains("To all draws"), "\(path): \(answer)")
        }
        let escaped = try tried.ask("/draws/%3Cscript%3E")
        #expect(escaped.status == 404 && !escaped.body.contains("<script>a") && escaped.body.contains("&lt;script&gt;"))
        for name in ["<b>", "\u{600}<b>", "\"\u{301}"] {
            let path = try #require(name.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            #expect(!(try tried.ask("/draws/\(path)").body.contains(name)), "\(name)")
        }
        for host in ["evil.example", "127.0.0.1.evil.example:1", "127.1:1"] {
            #expect(try tried.ask("/", host: host).status == 421, "\(host)")
        }
        let large = try tried.ask("/open", form: ["name": String(repeating: "a", count: 20_000)])
        #expect(
            large.status == 413 && large.head.contains("Content-Security-Policy") && large.body.contains("To all draws")
        )
        #expect(try tried.ask("/live", method: "HEAD").status == 200)
        try tried.stop()
    }

    @Test(
        "a draw is closed with the token, from this console's page, with the counts that the operator saw; not otherwise"
    )
    func close() throws {
        let tried = try ConsoleServices(agencies: 3)
        let (socket, _) = try tried.services.join(1)
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1, isLast: true)))
        _ = try socket.receiveMessage()
        let path = "/draws/default/close"
        let form = try tried.wait(for: path) { $0.body.contains("value=\"1/0/2\"") }
        #expect(form.body.contains("<strong>2</strong> have sent nothing"))
        let token = try tried.token()
        #expect(FileMode(of: tried.tokenFile)?.description == "0600")
        let right = ["token": token, "name": "default", "seen": "1/0/2"]
        #expect(try tried.ask(path, form: right.merging(["token": "guess"]) { $1 }).status == 403)
        #expect(try tried.ask(path, form: right, origin: "http://evil.example").status == 403)
        #expect(try tried.ask(path, form: right, origin: "").status == 403)
        #expect(
            try tried.ask(path, form: right.merging(["seen": "0/0/3"]) { $1 }).body.contains("agencies have changed"))
        #expect(try tried.ask(path, form: right.merging(["name": "other"]) { $1 }).status == 422)
        chmod(tried.tokenFile, 0o644)
        #expect(try tried.ask(path, form: right).body.contains("chmod 0600"))
        chmod(tried.tokenFile, 0o600)
        try "\n".write(toFile: tried.tokenFile, atomically: false, encoding: .utf8)
        #expect(try tried.ask(path, form: right.merging(["token": ""]) { $1 }).status == 403)
        try (token + "\n").write(toFile: tried.tokenFile, atomically: false, encoding: .utf8)
        #expect(!tried.services.ingest.log.contains("action: seal"))
        let done = try tried.ask(path, form: right)
        #expect(done.status == 200 && done.body.contains("draw default takes no more bets"), "\(done)")
        try tried.services.ingest.waitForLog("action: publish")
        // The service's own message.
        let again = try tried.ask(path, form: right)
        #expect(again.status == 409 && again.body.contains("bet-ingest answers: "), "\(again)")
        let result = try tried.wait(for: "/draws/default") { $0.body.contains("bet-ingest verify --draw default") }
        #expect(result.body.contains("7574"))
        try tried.stop()
        #expect(!tried.console.log.contains(token))
        #expect(tried.console.log.contains("action: command | result: success | command: draw.close | draw: default"))
        #expect(tried.console.log.contains("error: the form is of another origin"))
        #expect(tried.console.log.contains("error: the token is not the operator's, which is in"))
        #expect(try tried.services.command("events").output.contains("close ordered"))
    }

    @Test("a draw is opened, its cut-off moved, its number entered twice and another made void, from forms")
    func commands() throws {
        let tried = try ConsoleServices(agencies: 1)
        _ = try tried.ask("/open")
        let token = try tried.token()
        func post(_ path: String, _ fields: [String: String]) throws -> String {
            let answer = try tried.ask(path, form: fields.merging(["token": token]) { $1 })
            return "\(answer.status) \(answer.body)"
        }
        #expect(try post("/open", ["name": "a b", "number": "entered", "time": ""]).hasPrefix("422 "))
        for name in ["extra", "rain"] {
            let opened = try post("/open", ["name": name, "number": "entered", "time": "2030-01-01T10:00"])
            #expect(opened.contains("draw \(name) is open until 2030-"), "\(opened)")
        }
        _ = try tried.wait(for: "/draws/extra") { $0.status == 200 }
        #expect(try post("/draws/extra/cut-off", ["time": "2031-01-01"]).hasPrefix("422 "))
        #expect(try post("/draws/extra/cut-off", ["time": "2031-01-01T10:00"]).contains("draw extra closes at 2031-"))
        let voided = try post(
            "/draws/rain/void", ["name": "rain", "seen": "0/0/1", "reason": "rain <in> the drum"])
        #expect(voided.contains("draw rain is void"), "\(voided)")
        #expect(
            try tried.wait(for: "/draws/rain") { $0.body.contains("Void because") }.body.contains("rain &lt;in&gt;"))
        #expect(try post("/draws/extra/close", ["name": "extra", "seen": "0/0/1"]).hasPrefix("200 "))
        _ = try tried.wait(for: "/") { $0.body.contains("Draw extra is closed and waits for its number.") }
        #expect(try post("/draws/extra/number", ["number": "10000"]).hasPrefix("422 "))
        #expect(try post("/draws/extra/number", ["number": "62", "form": "a"]).contains("enter it once more"))
        // A double click.
        #expect(try post("/draws/extra/number", ["number": "62", "form": "a"]).contains("was sent already"))
        #expect(try post("/draws/extra/number", ["number": "62"]).contains("both entries agree"))
        _ = try tried.wait(for: "/draws/extra") { $0.body.contains("0062") }
        try tried.stop()
    }

    @Test("1,000 streams that are opened and dropped leave none; beyond 64 a stream is rejected")
    func streams() throws {
        let tried = try ConsoleServices(agencies: 2)
        _ = try tried.wait(for: "/ready") { $0.status == 200 }
        for index in 0..<1000 {
            let socket = try tried.stream()
            // Every second one is dropped before its answer begins.
            if index % 2 == 0 { _ = try socket.receive(12) }
            socket.reset()
        }
        _ = try tried.wait(for: "/metrics") { $0.body.contains("\(viewers) 0\n") }
        let open = try (0..<64).map { _ in try tried.stream() }
        for socket in open { #expect(try socket.receive(12) == Array("HTTP/1.1 200".utf8)) }
        #expect(try tried.stream().receive(12) == Array("HTTP/1.1 503".utf8))
        withExtendedLifetime(open) {}
        try tried.stop()
    }

    @Test("the page of a draw gets its own parts; a winners-service that hangs does not make bet-ingest's answers old")
    func parts() throws {
        let tried = try ConsoleServices(agencies: 2)
        _ = try tried.wait(for: "/draws/default") { $0.status == 200 }
        tried.services.winners.signal(SIGSTOP)
        let stream = try tried.stream("/events?draw=default&of=draw")
        var text = ""
        var ages: [Int] = []
        while ages.count < 5 {
            text += String(decoding: try stream.receive(1), as: UTF8.self)
            guard text.hasSuffix("\n\n"), let line = text.split(separator: "\n").last, line.contains("\"clock\"") else {
                continue
            }
            let numbers = line.matches(of: #/"(now|data)":(\d+)/#).reduce(into: [:]) { $0[$1.1] = Int($1.2) }
            ages.append(try #require(numbers["now"]) - (try #require(numbers["data"])))
        }
        for part in ["facts", "actions", "agencies", "result", "events"] {
            #expect(text.contains("\"id\":\"\(part)\""), "\(part)")
        }
        #expect(!text.contains("\"id\":\"machine\"") && ages.allSatisfy { $0 < 1000 }, "\(ages)")
        tried.services.winners.signal(SIGCONT)
        try tried.stop()
    }

    @Test("times are those of the calendar's zone")
    func zone() throws {
        let folder = try TemporaryFolder()
        try "timeZone: Asia/Tokyo\ndraws: {}\n".write(
            toFile: folder.path + "/calendar.yaml", atomically: true, encoding: .utf8)
        let console = try ConsoleServices.start(
            data: folder.path + "/data", settings: ["calendar=calendar.yaml"], in: folder)
        let address = try ConsoleServices.address(of: console)
        let socket = try TestSocket(address)
        try socket.send(Array("GET / HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n\r\n".utf8))
        #expect(String(decoding: try socket.receiveToEnd(), as: UTF8.self).contains("</time> JST"))
        console.signal(SIGTERM)
        #expect(try console.waitForExit() == 0)
    }

    @Test("SIGTERM with open streams, one of which is never read, ends within a second, also if bet-ingest hangs")
    func stopped() throws {
        let tried = try ConsoleServices(agencies: 100)
        _ = try tried.wait(for: "/ready") { $0.status == 200 }
        _ = try tried.ask("/open")
        let token = try tried.token()
        tried.services.ingest.signal(SIGSTOP)
        defer { tried.services.ingest.signal(SIGCONT) }
        // Commands that wait: pages do not wait for them.
        let body = "token=\(token)&form=1&name=extra&number=entered&time="
        let commands = try (1...3).map { number in
            let command = try TestSocket(tried.address)
            let form = body.replacingOccurrences(of: "form=1", with: "form=\(number)")
            try command.send(
                Array(
                    ("POST /open HTTP/1.1\r\nHost: \(tried.address)\r\nOrigin: http://\(tried.address)\r\n"
                        + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)").utf8))
            return command
        }
        _ = try tried.wait(for: "/ready") { $0.status == 503 }
        #expect(try tried.ask("/draws/default").status == 200)
        let open = try (0..<10).map { _ in try tried.stream() }
        for socket in open.dropLast() { _ = try socket.receive(200) }
        let begin = ContinuousClock.now
        tried.console.signal(SIGTERM)
        #expect(try tried.console.waitForExit(seconds: 10) == 0, "\(tried.console.log)")
        #expect(begin.duration(to: .now) < .seconds(1.5))
        withExtendedLifetime((open, commands)) {}
        tried.services.ingest.signal(SIGCONT)
        try tried.services.stop()
    }

    @Test("on an address that others reach it asks for a certificate (78), and with one it serves TLS")
    func encrypted() throws {
        let folder = try TemporaryFolder()
        let plain = try ConsoleServices.start(data: folder.path + "/data", listen: "0.0.0.0:0", in: folder)
        #expect(try plain.waitForExit() == 78)
        #expect(plain.log.contains("bet-ingest pki service makes them"))
        _ = try Tunnel.encryption(in: folder)
        let encrypted = try ConsoleServices.start(
            data: folder.path + "/data", listen: "0.0.0.0:0",
            settings: ["tls.certificate=pki/service.pem", "tls.key=pki/service.key"], in: folder)
        let port = try ConsoleServices.address(of: encrypted).port
        let script =
            "import ssl, urllib.request as r; c = ssl.create_default_context(cafile='pki/root.pem'); "
            + "import sys; sys.stdout.write(r.urlopen('https://127.0.0.1:\(port)/live', context=c).read().decode())"
        let asked = try TestProgram("/usr/bin/env", ["python3", "-c", script], in: folder.path)
        #expect(try asked.waitForExit() == 0, "\(asked.log)")
        #expect(asked.standardOutput.contains("live"))
        encrypted.signal(SIGTERM)
        #expect(try encrypted.waitForExit() == 0)
    }

    @Test("with 10,000 agencies the page has 100 of them and at most 200 KB")
    func large() throws {
        let tried = try ConsoleServices(agencies: 10_000)
        let (socket, _) = try tried.services.join(777)
        try socket.send(.chunk(Samples.chunk(agency: 777, sequence: 1)))
        _ = try socket.receiveMessage()
        let page = try tried.wait(for: "/?order=chunks") { $0.body.contains("agencies/777\"") }
        let begin = ContinuousClock.now
        let again = try tried.ask("/?order=chunks&page=100")
        try writeOutput(
            "console: a page of 10,000 agencies: \(page.body.utf8.count) bytes, \(begin.duration(to: .now))")
        #expect(page.body.utf8.count < 200_000 && page.body.contains("1 to 100 of 10,000 agencies"))
        #expect(again.body.contains("9,901 to 10,000 of 10,000"))
        #expect(try tried.ask("/?filter=unfinished&find=777").body.contains("1 to 11 of 11 agencies"))
        try tried.stop()
    }
}
