import Domain
import Ledger
import Shell
import Storage
import TestKit
import WireProtocol

@testable import BetIngest

extension DrawBook {
    /// Makes the book of a service that does not run.
    static func of(
        _ configuration: ServiceConfiguration, _ core: IngestCore, on disk: any Disk, inbox: MainInbox,
        clock: @escaping @Sendable () -> UInt64
    ) throws -> DrawBook {
        let office = DrawOffice(
            disk: disk, clock: clock, log: .silent, events: try DrawEvents(configuration.folder.data, on: disk),
            configuredNumber: configuration.winningNumber, needsFourEyes: configuration.operators.needFourEyes,
            isStopping: { false })
        return DrawBook(
            Setup(configuration: configuration, program: "test", expectsLedger: false), draws: core.desk.draws,
            inbox: inbox, office: office)
    }
}

/// One draw, `default`, of some agencies.
struct OneDraw: DrawLookup {
    var agencies: UInt32 = 5

    private var entry: DrawEntry { DrawEntry(draw: Samples.draw, agencies: DrawAgencies(agencies)) }

    func draw(named name: String) -> Result<DrawEntry, DrawUnavailable> {
        name.isEmpty || name == entry.draw.name
            ? .success(entry) : .failure(DrawUnavailable(code: .unknownDraw, reason: name))
    }

    func draw(ofDialect dialect: String) -> Result<DrawEntry, DrawUnavailable> { .success(entry) }
    func draw(consultedBy agency: AgencyID) -> DrawEntry? { entry }
}
