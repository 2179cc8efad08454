import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import NIOEmbedded
import Shell
import Storage
import TestKit
import WireProtocol

@testable import WinnersService

/// The winners service as a process of the simulation.
final class SimulatedWinners {
    private let loop: EmbeddedEventLoop
    private let configuration: ServiceConfiguration
    private var published: PublishedResult
    private let native: ConsultLoop
    private let dialect: ConsultLoop

    init(_ configuration: ServiceConfiguration, on disk: any Disk, loop: EmbeddedEventLoop) {
        self.loop = loop
        self.configuration = configuration
        published = PublishedResult(folder: configuration.folder, disk: disk)
        let nothingYet = ProgressView(draw: configuration.draw, progress: nil, configured: configuration.agencies)
        func queue() -> ConsultLoop {
            ConsultLoop(
                eventLoop: loop, readBuffer: ReadBuffer(byteCount: Limits.maxConsultReadBytes), progress: nothingYet,
                log: .silent)
        }
        native = queue()
        dialect = queue()
    }

    func connect(_ language: (any Dialect)?) -> SimulatedConnection {
        let settings = FramedSettings(
            framing: language?.framing ?? .native, window: 1, firstWindow: 1,
            maxFrameBytes: Limits.maxConsultFrameBytes, firstMaxFrameBytes: Limits.maxConsultFrameBytes,
            firstFrameBytes: .max,
            deadlines: ConnectionDeadlines(hello: .seconds(60), frame: .seconds(120), idle: .seconds(86_400)),
            isKnownAtOnce: language != nil, isNative: language == nil)
        let handler = ConsultChannel.handler(
            loop: language == nil ? native : dialect, session: ConsultSession(draw: configuration.draw),
            settings: settings, dialect: language, slot: nil)
        return SimulatedConnection(handler, loop: loop)
    }

    /// Looks at the published files once.
    func look() {
        for change in published.changes() {
            switch change {
            case .progress(let progress):
                let view = ProgressView(
                    draw: configuration.draw, progress: progress, configured: configuration.agencies)
                native.update(view)
                dialect.update(view)
            case .result(let result, let winners):
                native.publish(winners, draw: result.draw)
                dialect.publish(winners, draw: result.draw)
            case .withdrawn:
                native.withdraw()
                dialect.withdraw()
            case .rejected, .waitingForFolder:
                break
            }
        }
    }

    func sweep() {
        native.sweep()
        dialect.sweep()
    }
}
