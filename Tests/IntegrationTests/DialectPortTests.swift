import AgencyLanguages
import Foundation
import Glibc
import Platform
import TestKit
import Testing
import WireProtocol

/// The ports of the dialects, byte by byte: behavior of single dialects, and conflicts between connections.
///
/// DoctorTests cover what all dialects have in common.
struct DialectPortTests {
    private func pipe(_ text: String) -> [UInt8] {
        UInt32(text.utf8.count).bigEndianBytes + Array(text.utf8)
    }

    private func semicolon(_ text: String) -> [UInt8] {
        Array(String(100_000_000 + text.utf8.count).dropFirst().utf8) + Array(text.utf8)
    }

    private let bet = "1|Ana|Luz|30904465|1999-03-17|7574\n"
    private let lines = "BET\n1\nAna\nLuz\n30904465\n1999-03-17\n7574\n\n"

    @Test("pipe: an END that names no agency ends the one that sent from its address, and waits if several did")
    func namelessEnd() throws {
        let ports = try DialectPorts(agencies: 2)
        func ask(_ text: String, from source: String) throws -> TestSocket {
            let socket = try TestSocket(ports["pipe"], from: source)
            try socket.send(pipe(text))
            return socket
        }
        try ask("END\n", from: "127.0.0.2").expect(pipe("REJECTED 0\n"))
        try ports.services.ingest.waitForLog("none has sent bets from 127.0.0.2")
        try ask(bet, from: "127.0.0.2").expect(pipe("ACK\n"))
        let other = bet.replacing("1|Ana", with: "2|Ana")
        try ask(other, from: "127.0.0.2").expect(pipe("ACK\n"))
        // Two agencies at one address: END waits until one of them sends from another address.
        let waiting = try ask("END\n", from: "127.0.0.2")
        try ask(other, from: "127.0.0.3").expect(pipe("ACK\n"))
        try waiting.expect(pipe("END ACK\n"))
        try ask("END\n", from: "127.0.0.2").expect(pipe("END ACK\n"))
        try ask("WIN\n", from: "127.0.0.2").expect(pipe("N\n"))
        try ask("END\n", from: "127.0.0.3").expect(pipe("END ACK\n"))
        try ports.services.ingest.waitForLog("action: publish")
        try ask("WIN\n", from: "127.0.0.9").expect(pipe("Y\n"))
        try ask("CON|1", from: "127.0.0.9").expect(pipe("30904465\n"))
        try ask("CON|2", from: "127.0.0.9").expect(pipe("30904465|30904465\n"))
        try ask(bet, from: "127.0.0.2").expect(pipe("REJECTED 1\n"))
        try ports.services.stop()
    }

    @Test("a connection serves one agency: winners and bets of another are rejected")
    func othersWinners() throws {
        let ports = try DialectPorts(agencies: 2)
        let socket = try TestSocket(ports["pipe"])
        try socket.send(pipe(bet))
        try socket.expect(pipe("ACK\n"))
        try socket.send(pipe("CON|2"))
        try socket.expect(pipe("REJECTED 0\n"))
        try socket.send(pipe("CON|3"))
        try socket.expect(pipe("REJECTED 0\n"))
        try socket.send(pipe(bet.replacing("1|Ana", with: "2|Ana")))
        try socket.expect(pipe("REJECTED 1\n"))
        try ports.services.ingest.waitForLog("agency 2 on a connection of agency 1")
        try ports.services.stop()
    }

    @Test("pipe: after a restart a nameless END is rejected until every unfinished agency has sent again")
    func namelessEndAfterRestart() throws {
        let ports = try DialectPorts(agencies: 3)
        func ask(_ text: String, _ endpoint: Endpoint) throws -> TestSocket {
            let socket = try TestSocket(endpoint)
            try socket.send(pipe(text))
            return socket
        }
        for agency in 1...2 {
            try ask(bet.replacing("1|Ana", with: "\(agency)|Ana"), ports["pipe"]).expect(pipe("ACK\n"))
        }
        ports.services.ingest.signal(SIGKILL)
        _ = try ports.services.ingest.waitForExit()
        try ports.services.restartIngest()
        let endpoint = try ports.services.ingest.waitForAddress(port: "pipe")
        try ask(bet.replacing("1|Ana", with: "2|Ana"), endpoint).expect(pipe("ACK\n"))
        try ask("END\n", endpoint).expect(pipe("REJECTED 0\n"))
        try ports.services.ingest.waitForLog("unfinished agencies that have not sent since the restart: 1")
        try ask(bet, endpoint).expect(pipe("ACK\n"))
        let ends = try (0..<2).map { _ in try ask("END\n", endpoint) }
        for end in ends { try end.expect(pipe("END ACK\n")) }
        try ports.services.stop()
    }

    @Test("partial messages on a dialect's port delay neither native agencies nor each other")
    func garbage() throws {
        let ports = try DialectPorts(agencies: 2, settings: ["ingest.bufferBytes=4194304"])
        var crowd: [TestSocket] = []
        for index in 0..<200 {
            let socket = try TestSocket(index % 2 == 0 ? ports["lines"] : ports["pipe"])
            try socket.send(index % 2 == 0 ? [66] : [0, 0x10, 0, 0, 49])
            crowd.append(socket)
        }
        let (native, _) = try ports.services.join(1)
        try native.send(.chunk(Samples.chunk(sequence: 1, bets: (0..<20_000).map(Samples.bet))))
        guard case .chunkProcessed = try native.receiveMessage() else {
            Issue.record("not served")
            return
        }
        let regular = try TestSocket(ports["lines"])
        try regular.send(Array(lines.replacing("BET\n1", with: "BET\n2").utf8))
        try regular.expect(Array("Success :)\n\n".utf8))
        #expect(!ports.services.ingest.log.contains("memory is short"))
        withExtendedLifetime(crowd) {}
        try ports.services.stop()
    }

    @Test("echo: a line without its end is not echoed, and the peer's end of input closes the connection at once")
    func incompleteLine() throws {
        let ports = try DialectPorts(agencies: 1, settings: ["ingest.frameSeconds=3600", "ingest.helloSeconds=3600"])
        let socket = try TestSocket(ports["echo"], receiveSeconds: 10)
        try socket.send(Array("hola".utf8))
        socket.shutDownOutput()
        #expect(try socket.receiveToEnd().isEmpty)
        try ports.services.stop()
    }

    @Test("a superseded connection stores nothing more, whatever it has sent")
    func takenOver() throws {
        let ports = try DialectPorts(agencies: 1)
        let first = try TestSocket(ports["pipe"])
        try first.send((0..<400).flatMap { _ in pipe(bet) })
        try first.expect(pipe("ACK\n"), isPrefix: true)
        let second = try TestSocket(ports["pipe"])
        try second.send(pipe(bet))
        try second.expect(pipe("ACK\n"))
        _ = try first.receiveToEnd()
        try second.send(pipe(bet))
        try second.expect(pipe("ACK\n"))
        try ports.services.stop()
    }

    @Test("a consultation that is sent twice is answered twice")
    func asksTwice() throws {
        let ports = try DialectPorts(agencies: 1)
        let socket = try TestSocket(ports["pipe"])
        try socket.send(pipe("CON|1") + pipe("CON|1") + pipe(bet) + pipe("END\n"))
        #expect(try socket.receive(20) == pipe("ACK\n") + pipe("END ACK\n"))
        #expect(try socket.receive(26) == pipe("30904465\n") + pipe("30904465\n"))
        try ports.services.stop()
    }

    @Test("lines: before the draw WINNERS waits if it follows CONFIRMATION, and closes a connection that it opens")
    func linesWinners() throws {
        let ports = try DialectPorts(agencies: 2)
        let early = try TestSocket(ports["lines"])
        try early.send(Array("WINNERS\n1\n\n".utf8))
        try early.expectEnd()
        let waiting = try TestSocket(ports["lines"])
        try waiting.send(Array((lines + "CONFIRMATION\n1\n\nWINNERS\n1\n\n").utf8))
        #expect(try waiting.receive(16) == Array("Success :)\n\nOK\n\n".utf8))
        let last = try TestSocket(ports["lines"])
        try last.send(Array("CONFIRMATION\n2\n\n".utf8))
        try last.expect(Array("OK\n\n".utf8))
        try waiting.expect(Array("30904465\n\n\n".utf8))
        try waiting.expectEnd()
        let late = try TestSocket(ports["lines"])
        try late.send(Array("WINNERS\n2\n\n".utf8))
        try late.expect(Array("\n\n\n".utf8))
        try late.expectEnd()
        try ports.services.stop()
    }

    @Test("lines: a chunk that an empty field cuts in two gets one answer, and the connection stays open")
    func linesCutShort() throws {
        let ports = try DialectPorts(agencies: 1)
        let socket = try TestSocket(ports["lines"])
        let answers = "Error al recibir msg :(\n\nSuccess :)\n\n"
        for field in ["Ana", "Luz", "30904465", "1999-03-17", "7574"] {
            try socket.send(Array(lines.replacing(field, with: "").utf8))
            try socket.send(Array(lines.utf8))
            #expect(try socket.receive(answers.utf8.count) == Array(answers.utf8), "no \(field)")
        }
        try ports.services.ingest.waitForLog(
            "apuesta_recibida | result: fail | cantidad: 1 | agency: 1 | peer: 127.0.0.1")
        try ports.services.stop()
    }

    @Test("tlv: nothing after a rejected chunk is stored, and two messages in one segment are read as two")
    func tlvRejection() throws {
        let ports = try DialectPorts(agencies: 1)
        let agency = TLVLanguage()
        let good = agency.chunk([["Ana", "Luz", "30904465", "1999-03-17", "7574"]], agency: "1", isLast: false)
        let bad = agency.chunk([["Ana", "Luz", "30904465x", "1999-03-17", "7574"]], agency: "1", isLast: false)
        let rejected = try TestSocket(ports["tlv"])
        try rejected.send(bad + good)
        try rejected.expectEnd()
        let pair = try TestSocket(ports["tlv"])
        try pair.send(good + agency.consult(agency: "1"))
        #expect(try pair.receive(7) == [0, 0, 0, 3] + Array("OK\n".utf8))
        #expect(try pair.receive(5) == [4, 0, 0, 0, 0])
        try pair.expectEnd()
        try ports.services.ingest.waitForLog("action: publish")
        let winners = try TestSocket(ports["tlv"])
        try winners.send(agency.consult(agency: "1"))
        #expect(try winners.receiveToEnd() == [3, 0, 0, 0, 4] + UInt32(30_904_465).bigEndianBytes)
        #expect(try ports.services.exportedRows().count == 1)
        try ports.services.stop()
    }

    @Test("a new connection of an agency with stored chunks is logged")
    func reconnecting() throws {
        let ports = try DialectPorts(agencies: 1)
        do {
            let socket = try TestSocket(ports["semicolon"])
            for _ in 0..<2 {
                try socket.send(semicolon("1;1\nAna;Luz;30904465;1999-03-17;7574\n"))
                try socket.expect(semicolon("success;Batch stored successfully."))
            }
        }
        let again = try TestSocket(ports["semicolon"])
        try again.send(semicolon("1;1\nAna;Luz;30904465;1999-03-17;7574\n"))
        try again.expect(semicolon("success;Batch stored successfully."))
        let line = try ports.services.ingest.waitForLog("action: agency_reconnected")
        #expect(line.contains("WARNING") && line.contains("agency: 1") && line.contains("stored_bets: 2"))
        try again.send(semicolon("END"))
        try again.expect(semicolon("30904465;30904465;30904465"))
        try again.expectEnd()
        try ports.services.stop()
    }

    @Test("an agency on two connections: the second takes over, the first is closed")
    func takeover() throws {
        let ports = try DialectPorts(agencies: 1)
        let first = try TestSocket(ports["pipe"])
        try first.send(pipe(bet))
        try first.expect(pipe("ACK\n"))
        let second = try TestSocket(ports["pipe"])
        try second.send(pipe(bet))
        try second.expect(pipe("ACK\n"))
        try first.expectEnd()
        try ports.services.stop()
    }

    @Test("parked connections are closed at a stop, and consultations are answered after a restart")
    func restart() throws {
        let ports = try DialectPorts(agencies: 2)
        let parked = try TestSocket(ports["pipe"])
        try parked.send(pipe(bet) + pipe("END\n") + pipe("CON|1"))
        #expect(try parked.receive(20) == pipe("ACK\n") + pipe("END ACK\n"))
        ports.services.ingest.signal(SIGTERM)
        #expect(try ports.services.ingest.waitForExit() == 0)
        #expect(try parked.receiveToEnd() == [])
        try ports.services.restartIngest()
        let pipePort = try ports.services.ingest.waitForAddress(port: "pipe")
        let again = try TestSocket(pipePort)
        try again.send(pipe("CON|1"))
        let other = try TestSocket(pipePort)
        try other.send(pipe(bet.replacing("1|Ana", with: "2|Ana")) + pipe("END\n") + pipe("CON|2"))
        #expect(try other.receive(20) == pipe("ACK\n") + pipe("END ACK\n"))
        try other.expect(pipe("30904465\n"))
        try again.expect(pipe("30904465\n"))
        try ports.services.restartIngestAfterStop()
        let late = try TestSocket(try ports.services.ingest.waitForAddress(port: "pipe"))
        try late.send(pipe("WIN\n") + pipe("CON|2"))
        #expect(try late.receive(19) == pipe("Y\n") + pipe("30904465\n"))
        try ports.services.stop()
    }

    @Test("a message above the limit or without an end gets the dialect's error, and the connection is closed")
    func tooLong() throws {
        let ports = try DialectPorts(agencies: 1, settings: ["ingest.maxFrameBytes=1024"])
        let counted = try TestSocket(ports["pipe"])
        try counted.send([0, 0, 4, 1])
        try counted.expect(pipe("REJECTED 0\n"))
        try counted.expectEnd()
        let endless = try TestSocket(ports["lines"])
        try endless.send([UInt8](repeating: 97, count: 1024))
        try endless.expect(Array("Error al recibir msg :(\n\n".utf8))
        try endless.expectEnd()
        try ports.services.stop()
    }

    @Test("endless messages release their memory: more than fit the buffer are answered one after another")
    func endlessBudget() throws {
        let ports = try DialectPorts(
            agencies: 1, settings: ["ingest.maxFrameBytes=1048576", "ingest.bufferBytes=4194304"])
        for _ in 0..<6 {
            let socket = try TestSocket(ports["lines"])
            try socket.send([UInt8](repeating: 97, count: 1 << 20))
            try socket.expect(Array("Error al recibir msg :(\n\n".utf8))
        }
        for _ in 0..<6 { try TestSocket(ports["lines"]).send(Array("BET\n1\nA".utf8)) }
        let socket = try TestSocket(ports["lines"])
        for _ in 0..<6 {
            try socket.send(Array(lines.utf8))
            try socket.expect(Array("Success :)\n\n".utf8))
        }
        try ports.services.stop()
    }

    @Test("a silent connection and a partial message have deadlines; a parked consultation has none")
    func deadlines() throws {
        let ports = try DialectPorts(
            agencies: 2, settings: ["ingest.helloSeconds=1", "ingest.frameSeconds=1", "ingest.idleSeconds=1"])
        let parked = try TestSocket(ports["pipe"])
        try parked.send(pipe("CON|1"))
        let mute = try TestSocket(ports["pipe"])
        let half = try TestSocket(ports["pipe"])
        try half.send([0, 0, 0, 50, 49])
        for socket in [mute, half] { try socket.expectEnd() }
        try ports.services.ingest.waitForLog("a frame was incomplete")
        for agency in [1, 2] {
            let socket = try TestSocket(ports["lines"])
            try socket.send(Array("CONFIRMATION\n\(agency)\n\n".utf8))
            try socket.expect(Array("OK\n\n".utf8))
        }
        try parked.expect(pipe("\n"))
        try ports.services.stop()
    }

    @Test("echo: any line is sent back, and the server closes")
    func echo() throws {
        let ports = try DialectPorts(agencies: 1)
        for line in ["Testing Message From SH\n", "\n", "ñandú\r\n", "\u{0}\n"] {
            let socket = try TestSocket(ports["echo"])
            try socket.send(Array(line.utf8))
            #expect(try socket.receiveToEnd() == Array(line.utf8))
        }
        try ports.services.stop()
    }

    @Test("jsonWinners: anything but a consultation of an agency of the draw is closed unanswered")
    func jsonWinners() throws {
        let ports = try DialectPorts(agencies: 1)
        let agency = JSONLanguage()
        for bytes in [
            agency.consult(agency: "2"), agency.consult(agency: "0"), agency.chunk([], agency: "1", isLast: true),
            agency.nonsense.empty, [0xFF, 0xFF, 0xFF, 0xFF], agency.nonsense.unknown,
        ] {
            let socket = try TestSocket(ports["jsonWinners"])
            try socket.send(bytes)
            try socket.expectEnd()
        }
        try ports.services.stop()
    }
}
