/* The table of option names. Those that are not kept stand here because an abbreviation is refused
 * when two share it. */
#include "cfnames.h"

static const struct {
	const char *name;
	enum cf_option id;
} options[] = {
    {"SevenBitInput", CF_OTHER},
    {"EightBitMode", CF_OTHER},
    {"AliasFile", CF_OTHER},
    {"AliasWait", CF_OTHER},
    {"BlankSub", CF_OTHER},
    {"MinFreeBlocks", CF_OTHER},
    {"CheckpointInterval", CF_OTHER},
    {"HoldExpensive", CF_OTHER},
    {"DeliveryMode", CF_OTHER},
    {"ErrorHeader", CF_OTHER},
    {"ErrorMode", CF_OTHER},
    {"TempFileMode", CF_OTHER},
    {"SaveFromLine", CF_OTHER},
    {"MatchGECOS", CF_OTHER},
    {"HelpFile", CF_OTHER},
    {"MaxHopCount", CF_OTHER},
    {"ResolverOptions", CF_OTHER},
    {"IgnoreDots", CF_OTHER},
    {"ForwardPath", CF_OTHER},
    {"SendMimeErrors", CF_OTHER},
    {"ConnectionCacheSize", CF_OTHER},
    {"ConnectionCacheTimeout", CF_OTHER},
    {"UseErrorsTo", CF_OTHER},
    {"LogLevel", CF_OTHER},
    {"MeToo", CF_OTHER},
    {"CheckAliases", CF_OTHER},
    {"OldStyleHeaders", CF_OTHER},
    {"DaemonPortOptions", CF_OTHER},
    {"PrivacyOptions", CF_OTHER},
    {"PostmasterCopy", CF_OTHER},
    {"QueueFactor", CF_QUEUE_FACTOR},
    {"QueueDirectory", CF_QUEUE_DIRECTORY},
    {"DontPruneRoutes", CF_OTHER},
    {"Timeout", CF_TIMEOUT},
    {"StatusFile", CF_OTHER},
    {"SuperSafe", CF_SUPER_SAFE},
    {"QueueTimeout", CF_QUEUE_TIMEOUT},
    {"TimeZoneSpec", CF_TIME_ZONE_SPEC},
    {"UserDatabaseSpec", CF_OTHER},
    {"DefaultUser", CF_OTHER},
    {"FallbackMXhost", CF_OTHER},
    {"Verbose", CF_OTHER},
    {"TryNullMXList", CF_OTHER},
    {"QueueLA", CF_QUEUE_LA},
    {"RefuseLA", CF_OTHER},
    {"RecipientFactor", CF_RECIPIENT_FACTOR},
    {"ForkEachJob", CF_OTHER},
    {"ClassFactor", CF_CLASS_FACTOR},
    {"RetryFactor", CF_RETRY_FACTOR},
    {"QueueSortOrder", CF_QUEUE_SORT_ORDER},
    {"HostsFile", CF_OTHER},
    {"MinQueueAge", CF_MIN_QUEUE_AGE},
    {"DefaultCharSet", CF_OTHER},
    {"ServiceSwitchFile", CF_OTHER},
    {"DialDelay", CF_OTHER},
    {"NoRecipientAction", CF_OTHER},
    {"SafeFileEnvironment", CF_SAFE_FILE_ENVIRONMENT},
    {"MaxMessageSize", CF_OTHER},
    {"ColonOkInAddr", CF_OTHER},
    {"MaxQueueRunSize", CF_MAX_QUEUE_RUN_SIZE},
    {"MaxDaemonChildren", CF_OTHER},
    {"DontExpandCnames", CF_OTHER},
    {"MustQuoteChars", CF_OTHER},
    {"SmtpGreetingMessage", CF_OTHER},
    {"UnixFromLine", CF_OTHER},
    {"OperatorChars", CF_OTHER},
    {"DontInitGroups", CF_OTHER},
    {"SingleLineFromHeader", CF_OTHER},
    {"AllowBogusHELO", CF_OTHER},
    {"ConnectionRateThrottle", CF_OTHER},
    {"UnsafeGroupWrites", CF_OTHER},
    {"DoubleBounceAddress", CF_DOUBLE_BOUNCE_ADDRESS},
    {"HostStatusDirectory", CF_HOST_STATUS_DIRECTORY},
    {"SingleThreadDelivery", CF_OTHER},
    {"RunAsUser", CF_RUN_AS_USER},
    {"RrtImpliesDsn", CF_OTHER},
    {"PidFile", CF_PID_FILE},
    {"DontBlameSendmail", CF_OTHER},
    {"DontProbeInterfaces", CF_OTHER},
    {"MaxRecipientsPerMessage", CF_OTHER},
    {"DeadLetterDrop", CF_DEAD_LETTER_DROP},
    {"MaxAliasRecursion", CF_OTHER},
    {"ConnectOnlyTo", CF_OTHER},
    {"TrustedUser", CF_TRUSTED_USER},
    {"MaxMimeHeaderLength", CF_OTHER},
    {"ControlSocketName", CF_OTHER},
    {"MaxHeadersLength", CF_OTHER},
    {"ProcessTitlePrefix", CF_OTHER},
    {"DefaultAuthInfo", CF_OTHER},
    {"AuthMechanisms", CF_OTHER},
    {"ClientPortOptions", CF_OTHER},
    {"DataFileBufferSize", CF_OTHER},
    {"XscriptFileBufferSize", CF_OTHER},
    {"ServerCertFile", CF_OTHER},
    {"ServerKeyFile", CF_OTHER},
    {"ClientCertFile", CF_OTHER},
    {"ClientKeyFile", CF_OTHER},
    {"CACertFile", CF_OTHER},
    {"CACertPath", CF_OTHER},
    {"DHParameters", CF_OTHER},
    {"InputMailFilters", CF_OTHER},
    {"AuthOptions", CF_OTHER},
    {"QueueFileMode", CF_QUEUE_FILE_MODE},
    {"CertFingerprintAlgorithm", CF_OTHER},
    {"CipherList", CF_OTHER},
    {"RandFile", CF_OTHER},
    {"TLSSrvOptions", CF_OTHER},
    {"BadRcptThrottle", CF_OTHER},
    {"DeliverByMin", CF_OTHER},
    {"MaxQueueChildren", CF_OTHER},
    {"MaxRunnersPerQueue", CF_OTHER},
    {"DirectSubmissionModifiers", CF_OTHER},
    {"NiceQueueRun", CF_OTHER},
    {"SharedMemoryKey", CF_OTHER},
    {"AuthMaxBits", CF_OTHER},
    {"MailboxDatabase", CF_OTHER},
    {"UseMSP", CF_USE_MSP},
    {"DelayLA", CF_OTHER},
    {"FastSplit", CF_OTHER},
    {"SoftBounce", CF_OTHER},
    {"SharedMemoryKeyFile", CF_OTHER},
    {"RejectLogInterval", CF_OTHER},
    {"RequiresDirfsync", CF_REQUIRES_DIRFSYNC},
    {"ConnectionRateWindowSize", CF_OTHER},
    {"CRLFile", CF_OTHER},
    {"FallbackSmartHost", CF_OTHER},
    {"AuthRealm", CF_OTHER},
    {"CRLPath", CF_OTHER},
    {"HeloName", CF_OTHER},
    {"MaxNOOPCommands", CF_OTHER},
    {"BadRcptShutdown", CF_OTHER},
    {"BadRcptShutdownGood", CF_OTHER},
    {"ServerSSLOptions", CF_OTHER},
    {"ClientSSLOptions", CF_OTHER},
    {"MaxQueueAge", CF_MAX_QUEUE_AGE},
    {"RejectNUL", CF_OTHER},
    {"UseCompressedIPv6Addresses", CF_OTHER},
    {"SSLEngine", CF_OTHER},
    {"SSLEnginePath", CF_OTHER},
    {"TLSFallbacktoClear", CF_OTHER},
    {"SetCertAltnames", CF_OTHER},
    {"SmtpUTF8", CF_OTHER},
    {"StrictTransportSecurity", CF_OTHER},
    {"CipherSuites", CF_OTHER},
};

enum { OPTIONS = sizeof options / sizeof options[0] };

enum cf_option cf_option_named(struct slice name)
{
	enum cf_option found = CF_OTHER;
	unsigned matches = 0;

	if (!name.n)
		return CF_OTHER;
	for (size_t i = 0; i < OPTIONS; i++) {
		struct slice full = slice_from(options[i].name);

		if (!slice_caseeq(slice_take(full, name.n), name))
			continue;
		if (full.n == name.n)
			return options[i].id;
		found = options[i].id;
		matches++;
	}
	return matches == 1 ? found : CF_OTHER;
}

enum cf_option cf_option_letter(char letter)
{
	static const struct {
		char letter;
		enum cf_option id;
	} letters[] = {
	    {'Q', CF_QUEUE_DIRECTORY}, {'T', CF_QUEUE_TIMEOUT},	   {'r', CF_TIMEOUT},
	    {'s', CF_SUPER_SAFE},      {'x', CF_QUEUE_LA},	   {'q', CF_QUEUE_FACTOR},
	    {'Z', CF_RETRY_FACTOR},    {'y', CF_RECIPIENT_FACTOR}, {'z', CF_CLASS_FACTOR},
	    {'t', CF_TIME_ZONE_SPEC},
	};

	for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
		if (letters[i].letter == letter)
			return letters[i].id;
	return CF_OTHER;
}
