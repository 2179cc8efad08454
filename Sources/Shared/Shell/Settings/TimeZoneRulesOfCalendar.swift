import Platform
import Storage
import Yams

extension TimeZoneRules {
    /// Sets the process's time zone to that of a calendar's draws; before any other thread.
    ///
    /// Reads nothing else of the file: bet-ingest checks it.
    ///
    /// - Throws: ``ConfigurationError`` with the file.
    package init(ofCalendar path: String) throws(ConfigurationError) {
        let bytes: [UInt8]?
        do throws(DiskError) {
            bytes = try DurableFile.read(path, on: PosixDisk())
        } catch {
            throw ConfigurationError(["calendar: \(error)"])
        }
        guard let bytes else { throw ConfigurationError(["calendar: there is no file \(path)"]) }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let name = (try? Yams.compose(yaml: text, .basic))?.flatMap({ $0.mapping?["timeZone"]?.string }) else {
            throw ConfigurationError(["\(path): timeZone is missing"])
        }
        do throws(TimeZoneFault) {
            try self.init(name)
        } catch {
            throw ConfigurationError(["\(path): timeZone: \(error)"])
        }
    }
}
