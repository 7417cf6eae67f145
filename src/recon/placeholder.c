typedef int prismi_placeholder_recon;
