"""The catalogs and the policy that come with Tenure, as YAML."""
