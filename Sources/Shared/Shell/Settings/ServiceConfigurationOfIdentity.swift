import Platform

extension ServiceConfiguration {
    /// TLS on the services' native ports.
    package struct TLS: Sendable {
        /// Paths of PEM files.
        package var certificate: String
        package var key: String
        /// The roots that may have signed a client's certificate: two at a time while one replaces the other.
        package var clientRoots: [String]
        /// How often the files are looked at.
        package var reload: Duration
    }

    /// TLS of the agency's connections.
    package struct AgencyTLS: Sendable {
        /// Paths of PEM files.
        package var roots: String
        /// Nil if a token proves the agency.
        package var certificate: String?
        package var key: String?
    }

    static func tls(_ source: inout ConfigurationSource) -> TLS? {
        let isRequired = source.parsed("tls.mode") { $0.lowercased() == "required" }
        let (certificate, key) = (source.parsed("tls.certificate") { $0 }, source.parsed("tls.key") { $0 })
        let roots = source.parsed("tls.clientRoots") { $0.split(separator: ",").map(String.init) }
        let seconds = source.integer("tls.reloadSeconds")
        guard isRequired else { return nil }
        if certificate.isEmpty || key.isEmpty {
            source.faults.append(
                "tls.mode is required, so tls.certificate and tls.key are too; bet-ingest pki service makes them")
        }
        return TLS(certificate: certificate, key: key, clientRoots: roots, reload: .seconds(seconds))
    }

    /// The console's settings; what it needs to be reached from elsewhere is checked when it starts.
    static func console(_ source: inout ConfigurationSource) -> Console {
        func path(_ key: String) -> String? {
            source.found.last { $0.path == key }.map(\.1.value).flatMap { $0.isEmpty ? nil : $0 }
        }
        var tls: TLS?
        if let certificate = path("tls.certificate"), let key = path("tls.key") {
            tls = TLS(certificate: certificate, key: key, clientRoots: [], reload: .seconds(60))
        }
        return Console(
            listen: source.parsed("console.listen", Endpoint.init),
            tokenFile: source.parsed("console.tokenFile") { $0 },
            tls: tls)
    }

    static func agencyTLS(_ source: inout ConfigurationSource) -> AgencyTLS? {
        let values = ["roots", "certificate", "key"].map { key in source.parsed("agency.tls.\(key)") { $0 } }
        if values[1].isEmpty != values[2].isEmpty {
            source.faults.append("agency.tls.certificate and agency.tls.key are set together or not at all")
        } else if values[0].isEmpty, !values[1].isEmpty {
            source.faults.append(
                "agency.tls.certificate needs agency.tls.roots, the roots that may have signed the services' certificates"
            )
        }
        if values[0].isEmpty { return nil }
        return AgencyTLS(
            roots: values[0], certificate: values[1].isEmpty ? nil : values[1], key: values[2].isEmpty ? nil : values[2]
        )
    }

    /// Checks that dialects, which cannot use TLS, are open to this machine only.
    static func faults(ofTLSBeside dialects: [DialectPort]) -> [String] {
        dialects.filter { !$0.endpoint.isLoopback }.map {
            "dialects.\($0.name) is \($0.endpoint), but a dialect cannot use TLS: with tls.mode required its port opens on "
                + "127.0.0.1 only, for a tunnel (docs/security.md)"
        }
    }

    /// Checks that others cannot read the token where it is written.
    static func faults(
        ofToken token: String, tokenFile: String?, flags: [String: String], file: ConfigurationFile?
    ) -> [String] {
        var faults: [String] = []
        if !token.isEmpty, tokenFile != nil { faults.append("agency.token and agency.tokenFile exclude each other") }
        if flags["agency.token"] != nil {
            faults.append(
                "--set agency.token: other users can read a command line; use QUINIELA_AGENCY_TOKEN or agency.tokenFile"
            )
        }
        if let file, let line = file.entries["agency.token"]?.line, let mode = FileMode(of: file.path),
            mode.isOpenToOthers
        {
            faults.append(
                "\(file.path):\(line): the file has mode \(mode) and holds agency.token; chmod 0600 \(file.path)")
        }
        return faults
    }
}
