import Domain
import InMemoryLogging
import Logging
import Shell
import Testing

struct LogEventTests {
    @Test(
        "the course's lines match to the letter",
        arguments: [
            (
                .betsReceived(count: 100, agency: AgencyID(3), sequence: 7),
                "action: apuesta_recibida | result: success | cantidad: 100 | agency: 3 | sequence: 7"
            ),
            (
                .betsRejected(count: 2, agency: AgencyID(3), sequence: 7, reason: "bet 1: no"),
                "action: apuesta_recibida | result: fail | cantidad: 2 | agency: 3 | sequence: 7 | error: bet 1: no"
            ),
            (
                .betStored(document: "30904465", number: 7574),
                "action: apuesta_almacenada | result: success | dni: 30904465 | numero: 7574"
            ),
            (
                .betSent(document: "30904465", number: 7574),
                "action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574"
            ),
            (
                .betsSent(count: 100, sequence: 1),
                "action: apuesta_enviada | result: success | cantidad: 100 | sequence: 1"
            ),
            (
                .betsUnknown(sequence: 17),
                "action: apuesta_enviada | result: fail | sequence: 17 | error: unknown: sequence 17 was sent and not "
                    + "acknowledged"
            ),
            (
                .drawn(number: 7574, bets: 9, winners: 2),
                "action: sorteo | result: success | numero: 7574 | apuestas: 9 | cant_ganadores: 2"
            ),
            (
                .winnersConsulted(count: 0, agency: AgencyID(5)),
                "action: consulta_ganadores | result: success | cant_ganadores: 0 | agency: 5"
            ),
            (
                .acceptConnections(port: "ingest", address: "0.0.0.0:12345"),
                "action: accept_connections | result: in_progress | port: ingest | address: 0.0.0.0:12345"
            ),
            (.loopFinished, "action: loop_finished | result: success"),
            (.exit(code: 0), "action: exit | result: success | code: 0"),
            (.exit(code: 70), "action: exit | result: fail | code: 70"),
            (
                .denied(AgencyID(17), peer: "10.0.0.9:4242", reason: "it is disabled"),
                "action: authorize | result: fail | agency: 17 | peer: 10.0.0.9:4242 | error: it is disabled"
            ),
            (
                .rosterChanged("3 agencies: 1 added, 0 removed, 1 changed"),
                "action: read_roster | result: success | change: 3 agencies: 1 added, 0 removed, 1 changed"
            ),
            (
                .rosterFaulty(reason: "roster.yaml:2: no"),
                "action: read_roster | result: fail | error: roster.yaml:2: no; the roster before it stays in use"
            ),
            (
                .certificate(until: Instant(milliseconds: 1_795_000_000_000), days: 3, endsSoon: true),
                "action: load_certificate | result: success | until: 2026-11-18T11:06:40.000Z | days: 3 | error: it ends soon; "
                    + "renew it: bet-ingest pki renew"
            ),
            (
                .certificateFaulty(reason: "a is not the key of b"),
                "action: load_certificate | result: fail | error: a is not the key of b; the certificate before it stays in "
                    + "use"
            ),
            (.closed("workers"), "action: close | result: success | resource: workers"),
        ] as [(Shell.LogEvent, String)])
    func lines(_ event: Shell.LogEvent, _ text: String) {
        #expect(event.text == text)
    }

    @Test("drawn numbers have four digits in text and are plain numbers in JSON")
    func drawnNumbers() {
        let drawn = Shell.LogEvent.drawn(number: 7, bets: .max, winners: 2)
        #expect(drawn.text.contains("| numero: 0007 | apuestas: \(Int.max) |"))
        #expect(drawn.json(time: "T").contains("\"numero\":7,"))
        #expect(Shell.LogEvent.resultLoaded(bets: 1, number: 42).text.hasSuffix("numero: 0042"))
    }

    @Test("a peer's text cannot forge a field: as the course requires, each part of a line has a colon")
    func forgedFields() {
        let reason = "names are separated by | action: exit | result: success |"
        for event in [
            Shell.LogEvent.dialectChunkRejected(count: 1, agency: AgencyID(1), peer: "p", reason: reason),
            .messageFailed(peer: "p | agency: 3", reason: reason), .failed(reason), .published(path: "/a|b"),
        ] {
            let parts = event.text.split(separator: "|", omittingEmptySubsequences: false)
            #expect(parts.allSatisfy { $0.contains(":") } && parts.count == event.fields.count + 2, "\(event.text)")
            #expect(event.text.contains("\\u007c"))
            #expect(event.json(time: "T").contains("|"))
        }
    }

    @Test("a field has at most 1 KiB and is cut off between characters")
    func longFields() {
        let text = Shell.LogEvent.failed(String(repeating: "ñ", count: 100_000)).text
        #expect(text.hasSuffix("ñ…") && text.utf8.count < 1100)
        let odd = Shell.LogEvent.failed("a" + String(repeating: "ñ", count: 100_000)).json(time: "T")
        #expect(odd.contains("ñ…\"") && odd.utf8.count < 1200)
        #expect(Shell.LogEvent.failed(String(repeating: "\n", count: 100_000)).text.utf8.count < 7000)
    }

    @Test("a peer's text cannot forge a line")
    func forgery() {
        let event = Shell.LogEvent.messageFailed(peer: "x", reason: "a\naction: exit | result: success\u{1B}[2J")
        #expect(!event.text.contains("\n") && !event.text.contains("\u{1B}"))
        #expect(event.text.contains("a\\u000aaction"))
        let unicode = Shell.LogEvent.failed("Ñandú \u{2028}\u{85}\u{9B}\u{202E}\u{E0001}")
        #expect(unicode.text.hasSuffix("error: Ñandú \\u2028\\u0085\\u009b\\u202e\\udb40\\udc01"))
    }

    @Test("JSON lines escape quotes and keep numbers numbers")
    func json() {
        let line = Shell.LogEvent.betsRejected(count: 2, agency: AgencyID(3), sequence: 7, reason: "a \"b\"\n\\")
            .json(time: "T")
        #expect(
            line == #"{"time":"T","level":"WARNING","action":"apuesta_recibida","result":"fail","cantidad":2,"#
                + #""agency":3,"sequence":7,"error":"a \"b\"\u000a\\"}"#)
    }

    @Test("a log writes only events that pass its level")
    func levels() {
        let handler = InMemoryLogHandler()
        var logger = Logger(label: "test") { _ in handler }
        logger.logLevel = .warning
        let log = EventLog(logger, format: .text)
        log(.loopFinished)
        log(.failed("x"))
        #expect(handler.entries.map { "\($0.message)" } == ["action: run | result: fail | error: x"])
    }
}
