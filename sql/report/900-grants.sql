-- Analysts read the views of this schema and nothing else.
GRANT USAGE ON SCHEMA report TO desk_report;
GRANT SELECT ON
	report.ticket,
	report.unanswered,
	report.change,
	report.channel_total,
	report.intake,
	report.release,
	report.clock,
	report.policy,
	report.sla_week,
	report.breach,
	report.page,
	report.page_month
TO desk_report;
GRANT SELECT ON report.duty_fairness, report.duty_week TO desk_report;
GRANT SELECT ON report.delivery, report.undelivered TO desk_report;
GRANT SELECT ON report.production_actions TO desk_report;
GRANT SELECT ON report.private_reason TO desk_report;
