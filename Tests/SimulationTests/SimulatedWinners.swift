import Connections
import Dialects
import Domain
import Ledger
import NIOConcurrencyHelpers
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
    private var published: PublishedDraws
    private let requests = NIOLockedValueBox<[DrawID]>([])
    private let native: ConsultLoop
    private let dialect: ConsultLoop

    init(_ configuration: ServiceConfiguration, on disk: any Disk, loop: EmbeddedEventLoop) {
        self.loop = loop
        self.configuration = configuration
        let published = PublishedDraws(
            configuration.folder.data, configured: configuration.draw, agencies: configuration.agencies, maxLoaded: 2,
            on: disk)
        self.published = published
        let requests = requests
        func queue() -> ConsultLoop {
            ConsultLoop(
                eventLoop: loop, readBuffer: ReadBuffer(byteCount: Limits.maxConsultReadBytes), draws: published.known,
                load: { draw in requests.withLockedValue { $0.append(draw) } }, clock: { 0 }, log: .silent)
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
            loop: language == nil ? native : dialect, session: ConsultSession(), peer: "simulated",
            settings: settings, dialect: language, slot: nil)
        return SimulatedConnection(handler, loop: loop)
    }

    /// Looks at the published files once.
    func look() {
        let wanted = requests.withLockedValue { wanted in
            defer { wanted = [] }
            return wanted
        }
        for change in published.changes() + wanted.flatMap({ published.load($0) }) {
            for queue in [native, dialect] {
                switch change {
                case .known: queue.update(published.known)
                case .result(let draw, _, let winners): queue.publish(winners, draw: draw)
                case .withdrawn(let draw): queue.withdraw(draw)
                case .missing(let draw): queue.failParked(draw)
                case .rejected, .waitingForFolder: break
                }
            }
        }
    }

    func sweep() {
        native.sweep()
        dialect.sweep()
    }
}
