import Control
import Domain
import Ledger
import Platform
import Shell
import Storage

/// A watch on all draws of a data folder.
///
/// Draws that are not final are watched. Earlier ones are loaded when an agency asks for them, and the least recently
/// used ones are released, so that memory and open files have a limit.
///
/// Isolation: one thread, which blocks on the disk.
struct PublishedDraws {
    enum Change {
        /// ``PublishedDraws/known`` has changed.
        case known
        case result(DrawID, DrawResult, WinnersFile)
        /// A served result has disappeared, belongs to another ledger, or is released.
        case withdrawn(DrawID)
        /// A published draw cannot be loaded.
        case missing(DrawID)
        case rejected(path: String, reason: String)
        case waitingForFolder(path: String)
    }

    private(set) var known: KnownDraws
    private let data: DataFolder
    private let disk: any Disk
    private let maxLoaded: Int
    private var watches: [DrawID: PublishedResult] = [:]
    /// The loaded draws, the most recently used one last.
    private(set) var loaded: [DrawID] = []
    private var foldersStamp: FileStamp?
    private var looks = 0
    /// The draws that are sealed and not over.
    private var closing: Set<DrawID> = []
    /// When ``KnownDraws/lastPublished`` was sealed.
    private var lastTime = Instant(milliseconds: 0)

    /// Looks between two checks of a published draw, and of one that takes bets.
    private static let looksBetweenFinals = 50
    private static let looksBetweenOpen = 10

    /// - Parameters:
    ///   - configured: the draw of the configuration; nil with a calendar.
    ///   - maxLoaded: the most results that are loaded at a time.
    init(_ data: DataFolder, configured: DrawID?, agencies: UInt32, maxLoaded: Int, on disk: any Disk) {
        self.data = data
        self.disk = disk
        self.maxLoaded = maxLoaded
        known = KnownDraws(configured: configured, configuredAgencies: agencies)
        if let configured { watch(configured) }
    }

    /// Makes the watch of a configuration.
    init(_ configuration: ServiceConfiguration, on disk: any Disk) {
        self.init(
            configuration.folder.data, configured: configuration.calendar == nil ? configuration.draw : nil,
            agencies: configuration.agencies, maxLoaded: configuration.winners.keptDraws, on: disk)
    }

    private func folder(_ draw: DrawID) -> DrawFolder { DrawFolder(data: data.path, draw: draw) }

    private mutating func watch(_ draw: DrawID) {
        if watches[draw] == nil { watches[draw] = PublishedResult(folder: folder(draw), disk: disk) }
    }

    /// Returns the changes since the last call.
    ///
    /// A few calls of stat(2) for each watched draw if nothing has changed.
    mutating func changes() -> [Change] {
        var changes: [Change] = []
        looks += 1
        lookAtFolders(&changes)
        for draw in watches.keys where looks % period(draw) == 0 { look(at: draw, &changes) }
        return changes
    }

    /// Loads a published draw, unless it is loaded.
    mutating func load(_ draw: DrawID) -> [Change] {
        guard known.published[draw] != nil else { return [] }
        var changes: [Change] = []
        if let index = loaded.firstIndex(of: draw) {
            loaded.append(loaded.remove(at: index))
            return []
        }
        watch(draw)
        look(at: draw, &changes)
        // Its files are gone: the questions about it end.
        if !loaded.contains(draw) {
            watches[draw] = nil
            known.published[draw] = nil
            changes.append(.missing(draw))
            changes.append(.known)
        }
        return changes
    }

    /// The looks between two checks of a draw: few for one that may be published at any moment.
    private func period(_ draw: DrawID) -> Int {
        if draw == known.configured || closing.contains(draw) { return 1 }
        return known.published[draw] == nil ? Self.looksBetweenOpen : Self.looksBetweenFinals
    }

    /// Finds draws that have appeared; their names are read only if the folder has changed.
    private mutating func lookAtFolders(_ changes: inout [Change]) {
        let stamp = disk.stamp(data.draws)
        guard stamp != foldersStamp, let names = try? disk.names(in: data.draws) else { return }
        let isStart = foldersStamp == nil
        // A folder made in the same tick of the file system's clock would not change the stamp again.
        let age = Int64(SystemCall.unixMilliseconds()) - (stamp?.changed ?? 0) / 1_000_000
        foldersStamp = age < 100 && !isStart ? foldersStamp : stamp
        if foldersStamp == nil { foldersStamp = FileStamp(inode: 0, size: 0, changed: 0) }
        var newest: (draw: DrawID, changed: Int64)?
        for name in names {
            guard let draw = DrawID(name), draw != known.configured, watches[draw] == nil, known.void[draw] == nil,
                known.published[draw] == nil
            else { continue }
            let result = disk.stamp(folder(draw).result)
            if let result, isStart {
                known.published[draw] = .some(nil)
                if result.changed > newest?.changed ?? .min { newest = (draw, result.changed) }
            } else {
                watch(draw)
            }
        }
        // The course's draw never answers for an earlier one that the folder still holds.
        if isStart, known.configured == nil, let newest {
            known.published[newest.draw] = nil
            watch(newest.draw)
            look(at: newest.draw, &changes)
        }
        changes.append(.known)
    }

    private mutating func look(at draw: DrawID, _ changes: inout [Change]) {
        guard let all = watches[draw]?.changes() else { return }
        // The progress first: it says who took part, also if it arrives together with the result.
        for case .progress(let progress) in all { take(progress, of: draw, &changes) }
        for change in all {
            switch change {
            case .progress: break
            case .result(let result, let winners):
                take(result, winners, of: draw, &changes)
            case .withdrawn:
                known.published[draw] = nil
                loaded.removeAll { $0 == draw }
                if known.lastPublished == draw { known.lastPublished = nil }
                changes.append(.withdrawn(draw))
                changes.append(.known)
            case .rejected(let path, let reason):
                changes.append(.rejected(path: path, reason: reason))
            case .waitingForFolder(let path):
                if draw == known.configured {
                    changes.append(.waitingForFolder(path: path))
                } else {
                    forget(draw, &changes)
                }
            }
        }
    }

    private mutating func take(_ progress: DrawProgress?, of draw: DrawID, _ changes: inout [Change]) {
        guard known.published[draw] == nil else { return }
        known.live[draw] = progress.map {
            KnownDraws.Live(
                finished: Set($0.finishedAgencies), expectedAgencies: $0.expectedAgencies,
                lastAgency: $0.lastAgency ?? $0.expectedAgencies, cutOff: $0.cutOff)
        }
        if let state = progress?.state, state != .open { closing.insert(draw) } else { closing.remove(draw) }
        if progress?.state == .void { setVoid(draw) }
        changes.append(.known)
    }

    private mutating func take(
        _ result: DrawResult, _ winners: WinnersFile, of draw: DrawID, _ changes: inout [Change]
    ) {
        // Not a draw that somebody asked for, nor an old one whose folder was put back.
        let time = result.seal?.instant ?? Instant(milliseconds: 0)
        if known.published[draw] == nil, known.lastPublished == nil || time >= lastTime {
            known.lastPublished = draw
            lastTime = time
        }
        known.published[draw] = result.agencyCount
        known.live[draw] = nil
        closing.remove(draw)
        changes.append(.known)
        changes.append(.result(draw, result, winners))
        loaded.removeAll { $0 == draw }
        loaded.append(draw)
        releaseUnused(&changes)
    }

    private mutating func setVoid(_ draw: DrawID) {
        let void = try? VoidDraw(in: folder(draw), on: disk)
        known.void[draw] = void?.reason ?? "see void.json"
        known.live[draw] = nil
        if draw != known.configured { watches[draw] = nil }
    }

    private mutating func forget(_ draw: DrawID, _ changes: inout [Change]) {
        watches[draw] = nil
        known.live[draw] = nil
        changes.append(.known)
    }

    /// Releases the least recently used draws.
    private mutating func releaseUnused(_ changes: inout [Change]) {
        while loaded.count > maxLoaded {
            guard let draw = loaded.first(where: { $0 != known.lastPublished && $0 != known.configured }) else {
                return
            }
            loaded.removeAll { $0 == draw }
            watches[draw] = nil
            known.published[draw] = .some(nil)
            changes.append(.withdrawn(draw))
        }
    }
}

extension WinnersStatus {
    /// - Parameter isRunning: whether the service says so, and not the files of the data folder.
    init(_ draws: PublishedDraws, isRunning: Bool) {
        let known = draws.known
        self.init(
            isRunning: isRunning,
            live: known.live.map {
                Live(
                    draw: $0.key, finishedAgencies: $0.value.finished.count,
                    expectedAgencies: $0.value.expectedAgencies, cutOff: $0.value.cutOff)
            }.sorted {
                ($0.cutOff?.milliseconds ?? .max, $0.draw.name) < ($1.cutOff?.milliseconds ?? .max, $1.draw.name)
            },
            publishedDraws: known.published.count, lastPublished: known.lastPublished, voidDraws: known.void.count,
            loadedDraws: draws.loaded)
    }
}
