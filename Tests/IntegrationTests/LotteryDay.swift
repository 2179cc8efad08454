import Control
import Domain
import Foundation
import Ledger
import Platform
import Storage
import TestKit
import Testing
import WireProtocol

/// The services with a calendar whose draws open and close within seconds, as real processes.
final class LotteryDay {
    struct Draw {
        var name: String
        /// Seconds after the start of the test.
        var opens: Int
        var closes: Int
        var number = DrawTerms.NumberSource.configured
    }

    let folder: TemporaryFolder
    private(set) var ingest: TestProgram
    private(set) var ingestAddress: Endpoint
    private let agencies: Int
    private let date: String

    var data: String { folder.path + "/data" }

    /// Writes the calendar and starts bet-ingest.
    init(agencies: Int, _ draws: [Draw]) throws {
        folder = try TemporaryFolder()
        self.agencies = agencies
        // A zone in which no draw of the test passes midnight.
        let now = Int(Date().timeIntervalSince1970)
        let isLate = now % 86_400 > 80_000
        let zone = isLate ? "Etc/GMT+6" : "UTC"
        let local = now - (isLate ? 6 * 3600 : 0)
        func time(_ seconds: Int) -> String {
            let ofDay = (local + seconds) % 86_400
            return String(format: "%02d:%02d:%02d", ofDay / 3600, ofDay / 60 % 60, ofDay % 60)
        }
        date = "\(Instant(milliseconds: UInt64(local) * 1000))".prefix(10).description
        var text = "timeZone: \(zone)\nopenDays: 0\ndraws:\n"
        for draw in draws {
            text +=
                "  \(draw.name): { days: mon-sun, opens: \"\(time(draw.opens))\", closes: \"\(time(draw.closes))\", "
            text += "number: \(draw.number.rawValue) }\n"
        }
        try text.write(toFile: folder.path + "/calendar.yaml", atomically: true, encoding: .utf8)
        ingest = try Self.start(folder, agencies: agencies, listen: "127.0.0.1:0")
        ingestAddress = try ingest.waitForAddress()
    }

    private static func start(_ folder: TemporaryFolder, agencies: Int, listen: String) throws -> TestProgram {
        try TestProgram.start(
            .ingest, data: folder.path + "/data", agencies: agencies, listen: listen,
            settings: ["calendar=calendar.yaml"], in: folder.path)
    }

    /// Kills the service as `kill -9` does, and starts it again on its port.
    func killAndRestart() throws {
        ingest.signal(SIGKILL)
        _ = try ingest.waitForExit()
        ingest = try Self.start(folder, agencies: agencies, listen: "\(ingestAddress)")
        _ = try ingest.waitForAddress()
    }

    func stop() throws {
        ingest.signal(SIGTERM)
        #expect(try ingest.waitForExit() == 0, "\(ingest.log)")
    }

    func id(_ name: String) throws -> DrawID { try #require(DrawID("\(date)-\(name)")) }

    func draws(_ name: String) throws -> DrawFolder { DrawFolder(data: data, draw: try id(name)) }

    /// Sends a command to the service.
    func ask(_ request: ControlRequest) throws -> ControlReply {
        try ControlClient.ask(request, at: data + "/control/ingest.sock", seconds: 20)
    }

    /// Runs a subcommand of bet-ingest on the data folder.
    func command(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
        let program = try TestProgram(
            "bet-ingest",
            arguments + ["--data", data, "--set", "agencies=\(agencies)", "--set", "calendar=calendar.yaml"],
            in: folder.path)
        let code = try program.waitForExit()
        return (code, program.standardOutput, program.log)
    }

    /// Connects to a draw.
    ///
    /// - Returns: nil if the service is down or rejects the HELLO.
    func join(_ agency: Int, _ draw: DrawID) -> (TestSocket, Welcome)? {
        guard let socket = try? TestSocket(ingestAddress, receiveSeconds: 5),
            (try? socket.send(.hello(Hello(agency: AgencyID(UInt32(agency)), draw: draw.name)))) != nil,
            case .welcome(let welcome)? = try? socket.receiveMessage()
        else { return nil }
        return (socket, welcome)
    }
}

/// The chunks of one agency for one draw, sent until each is answered.
final class PersistentSender {
    let agency: Int
    let draw: DrawID
    private var socket: TestSocket?
    private var sequence: UInt32 = 1
    /// The sequences that are acknowledged, and those that were late.
    private(set) var acknowledged: [UInt32] = []
    private(set) var late: [UInt32] = []

    init(_ agency: Int, _ draw: DrawID) {
        self.agency = agency
        self.draw = draw
    }

    /// Tries to send one chunk of three bets.
    func step(_ day: LotteryDay) {
        if socket == nil {
            guard let (socket, welcome) = day.join(agency, draw) else { return }
            // Chunks whose answers were lost are acknowledged now.
            while sequence < welcome.nextSequence {
                acknowledged.append(sequence)
                sequence += 1
            }
            self.socket = socket
        }
        let chunk = Samples.chunk(agency: agency, sequence: sequence)
        guard let socket, (try? socket.send(.chunk(chunk))) != nil, let answer = try? socket.receiveMessage() else {
            socket = nil
            return
        }
        switch answer {
        case .chunkProcessed(let processed) where processed.sequence == sequence:
            acknowledged.append(sequence)
            sequence += 1
        case .chunkRejected(let rejected) where rejected.code == .drawClosed:
            if late.last != sequence { late.append(sequence) }
        default:
            self.socket = nil
        }
    }
}
