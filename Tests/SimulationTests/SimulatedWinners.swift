import NIOCore
import NIOEmbedded
import Shared

@testable import WinnersService

/// The winners service as a process of the simulation.
final class SimulatedWinners {
    private let loop: EmbeddedEventLoop
    private let configuration: ServiceConfiguration
    private var published: PublishedResult
    private let native: ConsultQueue
    private let dialect: ConsultQueue

    init(_ configuration: ServiceConfiguration, on disk: any Disk, loop: EmbeddedEventLoop) {
        self.loop = loop
        self.configuration = configuration
        published = PublishedResult(folder: configuration.folder, disk: disk)
        let nothingYet = DrawProgress(
            draw: configuration.draw, state: .open, expectedAgencies: configuration.agencies, finishedAgencies: [])
        func queue() -> ConsultQueue {
            ConsultQueue(
                eventLoop: loop, readBuffer: ReadBuffer(byteCount: Limits.maxConsultReadBytes), progress: nothingYet,
                helloDeadline: .seconds(60), idleDeadline: .seconds(86_400))
        }
        native = queue()
        dialect = queue()
    }

    func connect(_ language: (any Dialect)?) -> SimulatedConnection {
        let session = ConsultSession(draw: configuration.draw, agencies: configuration.agencies)
        let handler = ConsultChannelHandler(
            queue: language == nil ? native : dialect, session: session, dialect: language)
        return SimulatedConnection(handler, loop: loop)
    }

    /// One look at the published files.
    func look() {
        for change in published.changes() {
            switch change {
            case .progress(let progress):
                native.update(progress)
                dialect.update(progress)
            case .result(let result):
                native.publish(PublishedAnswers(result))
                dialect.publish(PublishedAnswers(result, dialect: JSONDialect()))
            case .refused:
                break
            }
        }
    }

    func sweep() {
        native.sweep()
        dialect.sweep()
    }
}
